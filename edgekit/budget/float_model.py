"""Quantizes the float model to candidates, with ranges that are measured once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgekit_converters.quantization.budget_search import MixedRecipe
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.ranges import RangeRule, Ranges
from edgekit_converters.targets.adaptation import TargetedModel, quantize_for_targets
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: A search builds dozens of models. Models beyond this total are not kept and are built again when requested.
_MOST_BYTES_KEPT = 256 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class FloatModel:
    """A float model with its ranges.

    Attributes:
        model: The float32 .tflite.
        io: Type of the inputs and outputs of the modes that support it; float32 for the others.
        ranges: Ranges measured by calibration; None if no mode needs them.
        calibrated: Some of the calibration examples, by input name, shape (N, …).
        scheme: Granularity of the scales of integer weights.
        targets: Names of the runtimes that every model must run on.
        float_operators: Operators that stay in float in calibrated modes, in addition to those of a recipe.
        folds: For cross-fitting, one copy per fold with the ranges of the examples outside that fold; otherwise empty.
        recovered: Fine-tuned models, by the mode that they are for.
        find_repaired: Repairs the model for int8; the result is None if that is not possible or does not help.
    """

    model: TfliteModel
    io: IoType
    ranges: Ranges | None
    calibrated: dict[str, np.ndarray]
    scheme: Scheme = Scheme.PER_CHANNEL
    targets: tuple[str, ...] = ()
    float_operators: tuple[str, ...] = ()
    folds: tuple[FloatModel, ...] = ()
    recovered: Mapping[Mode, FloatModel] = field(default_factory=dict)
    find_repaired: Callable[[], FloatModel | None] = field(default=lambda: None, repr=False, compare=False)
    _repaired: list[FloatModel | None] = field(default_factory=list, init=False, repr=False, compare=False)
    _made: dict[tuple[Mode, MixedRecipe], TargetedModel] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def repaired(self) -> FloatModel | None:
        """The repaired model, which is made when it is first asked for."""
        if not self._repaired:
            self._repaired.append(self.find_repaired())
        return self._repaired[0]

    def quantized(self, mode: Mode, recipe: MixedRecipe | None = None) -> TfliteModel:
        """The model in a mode; see :meth:`targeted`."""
        return self.targeted(mode, recipe).model

    def targeted(self, mode: Mode, recipe: MixedRecipe | None = None) -> TargetedModel:
        """The model in a mode, checked against every target; equal recipes are built once.

        Args:
            mode: Quantization mode; ``INT8`` if there is a recipe.
            recipe: Operators that stay in float; None for none.
        Raises:
            ConversionError: The model cannot be converted to this mode, or a target cannot run it.
        """
        key = mode, recipe or MixedRecipe()
        base, own = self._base_of(*key)
        if base is not self:
            return base.targeted(mode, own)
        if key in self._made:
            return self._made[key]
        made = quantize_for_targets(self.model, mode, self.targets, **self._arguments(*key))
        if sum(len(each.model) for each in self._made.values()) + len(made.model) <= _MOST_BYTES_KEPT:
            self._made[key] = made
        return made

    def judged(self, mode: Mode, recipe: MixedRecipe | None = None) -> tuple[TfliteModel, ...]:
        """The models to judge for a mode and recipe: one model, or with cross-fitting one model per fold."""
        base, own = self._base_of(mode, recipe or MixedRecipe())
        if base is not self:
            return base.judged(mode, own)
        if not self.folds or not mode.needs_calibration:
            return (self.quantized(mode, recipe),)
        return tuple(fold.quantized(mode, recipe) for fold in self.folds)

    def _base_of(self, mode: Mode, recipe: MixedRecipe) -> tuple[FloatModel, MixedRecipe]:
        """The model that a mode and recipe are for, and the recipe as that model's own."""
        if mode in self.recovered:
            return self.recovered[mode], recipe
        if not recipe.is_repaired:
            return self, recipe
        repaired = self.repaired()
        assert repaired is not None, "recipes for a repaired model are made if there is one"
        return repaired, replace(recipe, is_repaired=False)

    def _arguments(self, mode: Mode, recipe: MixedRecipe) -> dict[str, Any]:
        ranges = self.ranges if mode.needs_calibration else None
        # The measured ranges are the full ones; the other rules derive narrower limits from them.
        if ranges is not None and recipe.range_rule is not RangeRule.MINMAX:
            ranges = ranges.clipped(recipe.range_rule)
        io = self.io if self.io in mode.io_types else IoType.FLOAT32
        own = self.float_operators if mode.needs_calibration else ()
        in_float = tuple(dict.fromkeys((*own, *recipe.float_operators)))
        return {"io": io, "scheme": self.scheme, "ranges": ranges, "float_operators": in_float}
