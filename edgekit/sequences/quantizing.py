"""Quantizes an encoder and a decoder by a recipe: mode, repair, and which of the two stays in float."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgekit.sequences.calibration import decoder_samples, encoder_samples
from edgekit.sequences.lowered_pair import LoweredPair
from edgekit.sequences.options import PairOptions
from edgekit.sequences.preparation import Prepared
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.samples import Sample
from edgekit_converters.repair.attention_masks import with_clamped_masks
from edgekit_converters.repair.repair import Draft, repair
from edgekit_converters.targets.adaptation import TargetedModel, quantize_for_targets
from edgekit_runtime.errors import ConversionError, InterpreterError
from edgekit_runtime.sequences.decoding import DECODE, ENCODE
from edgekit_runtime.sequences.stepwise import StepwiseModel
from edgekit_runtime.tflite.tflite_model import TfliteModel

_logger = logging.getLogger(__name__)

_NAMES = {ENCODE: "encoder", DECODE: "decoder"}
#: Number of calibration steps that a repair looks at.
_REPAIR_SAMPLES = 128


@dataclass(frozen=True, slots=True)
class PairRecipe:
    """How an encoder and a decoder are quantized.

    Attributes:
        mode: Quantization mode.
        is_repaired: Whether the float models are repaired before.
        in_float: Key of the signature that stays in float; empty if both are quantized.
    """

    mode: Mode
    is_repaired: bool = False
    in_float: str = ""

    def describe(self) -> str:
        """Mode, repair and float signature in a few words."""
        words = f"repaired {self.mode.value}" if self.is_repaired else self.mode.value
        return f"{words} with the {_NAMES[self.in_float]} in float" if self.in_float else words


class PairQuantizer:
    """Quantizes one pair by several recipes; what they have in common is measured once.

    Args:
        lowered: The float models.
        float_model: The same, ready to run along known sequences.
        prepared: The pairs to calibrate on.
        options: Options with targets and scheme.
    """

    def __init__(
        self, lowered: LoweredPair, float_model: StepwiseModel, prepared: Prepared, options: PairOptions
    ) -> None:
        self._models = {ENCODE: lowered.encoder.model, DECODE: lowered.decoder.model}
        self._float_model, self._pairs, self._options = float_model, prepared.calibrated, options
        self._samples: dict[str, Sequence[Sample]] = {}
        self._repaired: dict[str, Draft] = {}

    def recipes(self, modes: Sequence[Mode]) -> list[PairRecipe]:
        """Recipes to try within a budget: plain, repaired, then with the smaller of both in float, then the larger."""
        by_size = sorted(self._models, key=lambda key: len(self._models[key]))
        found = []
        for mode in modes:
            plain = PairRecipe(mode)
            starts = [plain]
            if mode is Mode.INT8 and self._options.repairs:
                starts.append(replace(plain, is_repaired=True))
            in_float = [replace(starts[-1], in_float=key) for key in by_size]
            found += [*starts, *(in_float if mode.needs_calibration else ())]
        return found

    def quantized(self, recipe: PairRecipe) -> tuple[TargetedModel, TargetedModel]:
        """The encoder and the decoder.

        Raises:
            ConversionError: The quantizer cannot handle a model, or a target cannot run it.
        """
        return self._quantized(ENCODE, recipe), self._quantized(DECODE, recipe)

    def _quantized(self, key: str, recipe: PairRecipe) -> TargetedModel:
        mode = Mode.NONE if recipe.in_float == key else recipe.mode
        if not mode.needs_calibration or self._pairs is None:
            return self._for_targets(Draft(self._models[key]), mode, ())
        draft = self._repaired_draft(key) if recipe.is_repaired else self._plain_draft(key)
        return self._for_targets(draft, mode, self._samples_of(key))

    def _for_targets(self, draft: Draft, mode: Mode, samples: Sequence[Sample]) -> TargetedModel:
        return quantize_for_targets(
            draft.model,
            mode,
            self._options.targets,
            scheme=self._options.scheme,
            ranges=calibrate(draft.model, samples) if samples else None,
            float_operators=draft.float_operators,
        )

    def _plain_draft(self, key: str) -> Draft:
        """The float model; a quantized attention mask would leave no steps to the scores."""
        return Draft(with_clamped_masks(self._models[key], _joined(self._samples_of(key))))

    def _repaired_draft(self, key: str) -> Draft:
        if key not in self._repaired:
            samples = self._samples_of(key)
            some = samples[:: -(-len(samples) // _REPAIR_SAMPLES)]

            def quantize(draft: Draft) -> TfliteModel:
                return self._for_targets(draft, Mode.INT8, some).model

            plain = self._plain_draft(key)
            try:
                self._repaired[key] = repair(plain.model, _joined(some), quantize).draft
            except (ConversionError, InterpreterError):
                # What int8 cannot do, the plain candidate reports.
                self._repaired[key] = plain
        return self._repaired[key]

    def _samples_of(self, key: str) -> Sequence[Sample]:
        pairs = self._pairs
        assert pairs is not None, "only asked for with data"
        if not self._samples:
            _logger.info("calibrating on %d pairs of %s", len(pairs.sequences), pairs.name)
            self._samples = {
                ENCODE: list(encoder_samples(pairs.values)),
                DECODE: list(decoder_samples(self._float_model, pairs.values, pairs.sequences)),
            }
        return self._samples[key]


def _joined(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}
