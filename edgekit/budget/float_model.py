"""The float model that all candidates are made of, and what was measured on it once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit_converters.quantization.budget_search import MixedRecipe
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.ranges import RangeRule, Ranges
from edgekit_converters.targets.adaptation import TargetedModel, quantize_for_targets
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Beyond these, a model is made again if it is asked for again: a search makes dozens, and a large model's do not fit.
_MOST_BYTES_KEPT = 256 * 2**20


@dataclass(frozen=True, slots=True)
class FloatModel:
    """A float model with its ranges.

    Attributes:
        model: The float32 .tflite.
        io: Type of the inputs and outputs of the modes that have it; float32 for the others.
        ranges: What calibration measured; None where no mode needs it.
        calibrated: Some of the examples it was measured on, by input name, shape (N, …).
        scheme: How many scales integer weights have.
        targets: Names of the runtimes that every model has to run on.
        float_operators: Operators that stay in float in calibrated modes, whatever a recipe says.
        folds: For cross-fitting, the same with the ranges of the examples outside of each fold; empty without.
    """

    model: TfliteModel
    io: IoType
    ranges: Ranges | None
    calibrated: dict[str, np.ndarray]
    scheme: Scheme = Scheme.PER_CHANNEL
    targets: tuple[str, ...] = ()
    float_operators: tuple[str, ...] = ()
    folds: tuple[FloatModel, ...] = ()
    _made: dict[tuple[Mode, MixedRecipe], TargetedModel] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def quantized(self, mode: Mode, recipe: MixedRecipe | None = None) -> TfliteModel:
        """The model in a mode, from the ranges that are there; see :meth:`targeted`."""
        return self.targeted(mode, recipe).model

    def targeted(self, mode: Mode, recipe: MixedRecipe | None = None) -> TargetedModel:
        """The same model, held against every target there is: equal recipes are made once.

        Args:
            mode: The mode; ``INT8`` where there is a recipe.
            recipe: What stays in float; None for nothing.
        Raises:
            ConversionError: The model has no form in this mode, or a target cannot run it.
        """
        key = mode, recipe or MixedRecipe()
        if key in self._made:
            return self._made[key]
        made = quantize_for_targets(self.model, mode, self.targets, **self._arguments(*key))
        if sum(len(each.model) for each in self._made.values()) + len(made.model) <= _MOST_BYTES_KEPT:
            self._made[key] = made
        return made

    def judged(self, mode: Mode, recipe: MixedRecipe | None = None) -> tuple[TfliteModel, ...]:
        """What is judged of a model: itself, or with cross-fitting the model of each fold."""
        if not self.folds or not mode.needs_calibration:
            return (self.quantized(mode, recipe),)
        return tuple(fold.quantized(mode, recipe) for fold in self.folds)

    def _arguments(self, mode: Mode, recipe: MixedRecipe) -> dict[str, Any]:
        ranges = self.ranges if mode.needs_calibration else None
        # The full range is what was measured; the other rules draw narrower limits from it.
        if ranges is not None and recipe.range_rule is not RangeRule.MINMAX:
            ranges = ranges.clipped(recipe.range_rule)
        io = self.io if self.io in mode.io_types else IoType.FLOAT32
        own = self.float_operators if mode.needs_calibration else ()
        in_float = tuple(dict.fromkeys((*own, *recipe.float_operators)))
        return {"io": io, "scheme": self.scheme, "ranges": ranges, "float_operators": in_float}
