"""Scores calibrated models on examples that calibration did not use, at the end of every conversion."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from edgekit.budget.cross_fitting import FOLDS, ranges_by_fold
from edgekit.budget.examples import JudgedExamples, cross_fitted_examples, judged
from edgekit.conversion.float_base import FloatBase
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.source import LoweredSource
from edgekit.counting import counted, points, points_between
from edgekit.parity.metrics import LABELLED, PairedScore
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.targets.adaptation import TargetedModel
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: More examples would slow the conversion down and hardly narrow the interval.
_MOST_EXAMPLES = 512
_BATCH = 64
#: A drop above one point triggers a warning.
_WORTH_A_WARNING = 0.01


@dataclass(frozen=True, slots=True)
class OutputScore:
    """Score of one output of a converted model and of the float model on held-back examples.

    Attributes:
        output: Output name.
        metric: Metric name.
        against: Reference for the predictions: labels, or the predictions of the float model.
        examples: Number of examples.
        score: Both scores, the drop and its interval.
        is_share: Whether scores are fractions of 1.
        is_cross_fitted: Whether models of the same recipe were judged instead, see ``edgekit.budget.cross_fitting``.
    """

    output: str
    metric: str
    against: str
    examples: int
    score: PairedScore
    is_share: bool
    is_cross_fitted: bool = False

    @property
    def is_bad(self) -> bool:
        """Whether the drop is significant and above one point."""
        interval = self.score.interval
        is_real = interval is None or interval.low > 0
        comparable = self.is_share or self.metric == "r2"
        return comparable and self.score.drop > _WORTH_A_WARNING and is_real

    def describe(self) -> str:
        """One sentence with both scores, the drop and its interval."""
        interval = self.score.interval
        against = "" if self.against == LABELLED else f" against {self.against}"
        sentence = (
            f"{self.metric}{against} {self._show(self.score.reference)} → {self._show(self.score.candidate)} on "
            f"{counted(self.examples, self._example)}, "
        )
        sentence += points(-self.score.drop) if self.is_share else f"a drop of {self.score.drop:.4g}"
        if interval is not None:
            ends = (
                points_between(-interval.high, -interval.low)
                if self.is_share
                else f"{interval.low:.4g} to {interval.high:.4g}"
            )
            sentence += f" (95 %: {ends})"
        return sentence

    @property
    def _example(self) -> str:
        return "cross-fitted example" if self.is_cross_fitted else "held-back example"

    def _show(self, value: float) -> str:
        return f"{100 * value:.2f} %" if self.is_share else f"{value:.4g}"

    def facts(self) -> dict[str, Any]:
        """The facts that the manifest stores."""
        facts = {"metric": self.metric, "against": self.against, "examples": self.examples}
        if math.isfinite(self.score.drop):
            facts |= {"float": round(self.score.reference, 6), "converted": round(self.score.candidate, 6)}
            interval = self.score.interval
            if interval is not None and math.isfinite(interval.low) and math.isfinite(interval.high):
                facts["drop_interval"] = [round(interval.low, 6), round(interval.high, 6)]
        if self.is_cross_fitted:
            facts["is_cross_fitted"] = True
        return facts

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, without those that are not finite."""
        score = {name: value for name, value in asdict(self.score).items() if not _is_infinite(value)}
        return asdict(self) | {"score": score}


def _is_infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def score_models(
    source: LoweredSource,
    models: Mapping[Mode, TargetedModel],
    options: ConversionOptions,
    bases: Mapping[Mode, FloatBase],
    quantize: Callable[[Mapping[Mode, FloatBase]], Mapping[Mode, TargetedModel]],
    *,
    recovered: Collection[Mode] = (),
) -> dict[Mode, tuple[OutputScore, ...]]:
    """Score every calibrated or fine-tuned model; other models, and all without held-back examples, are omitted.

    Args:
        source: The float model and its data.
        models: Converted models by mode.
        options: Options that contain the seed and the number of calibration examples.
        bases: The float model that each mode was made from.
        quantize: Quantizes some of the modes with other ranges, for cross-fitting.
        recovered: Modes that were fine-tuned. They saw no held-back example, even of scarce data.
    Raises:
        EdgekitError: A model cannot be run on this machine.
    """
    scored = {mode: model for mode, model in models.items() if mode.needs_calibration or mode in recovered}
    if source.calibration is None or not scored:
        return {}
    claims = [source.task.as_claim()]
    calibrated = [mode for mode in scored if mode not in recovered]
    crossed: dict[Mode, tuple[OutputScore, ...]] = {}
    if source.calibration.is_scarce and calibrated:
        lowered = source.lowered.model
        examples = cross_fitted_examples(
            source.calibration.data,
            lowered,
            metrics={},
            claims=claims,
            decoder=source.box_decoder,
            seed=options.seed,
        )
        folds = _quantized_by_fold({mode: bases[mode] for mode in calibrated}, examples, source, options, quantize)
        crossed = {mode: _scores(examples, *(fold[mode].model for fold in folds)) for mode in calibrated}
    held_back = source.calibration.data.held_back.sample(_MOST_EXAMPLES, seed=options.seed)
    batches = [batch for batch in held_back.batches(_BATCH) if len(batch)]
    if not batches or len(crossed) == len(scored):
        return crossed
    examples = judged(
        batches, source.lowered.model, metrics={}, claims=claims, decoder=source.box_decoder, seed=options.seed
    )
    return {mode: crossed.get(mode) or _scores(examples, model.model) for mode, model in scored.items()}


def _quantized_by_fold(
    bases: Mapping[Mode, FloatBase],
    examples: JudgedExamples,
    source: LoweredSource,
    options: ConversionOptions,
    quantize: Callable[[Mapping[Mode, FloatBase]], Mapping[Mode, TargetedModel]],
) -> list[Mapping[Mode, TargetedModel]]:
    """The models of each fold, calibrated on the examples outside it."""
    assert examples.folds is not None, "cross-fitted examples have folds"
    measured = {
        model: ranges_by_fold(
            model, examples.inputs, examples.folds, samples=options.samples, learnt=source.lowered.learnt_ranges
        )
        for model in {base.model for base in bases.values()}
    }
    return [
        quantize({mode: replace(base, ranges=measured[base.model][fold]) for mode, base in bases.items()})
        for fold in range(FOLDS)
    ]


def _scores(examples: JudgedExamples, *models: TfliteModel) -> tuple[OutputScore, ...]:
    judgement = examples.judge(*models)
    return tuple(
        OutputScore(
            output=name,
            metric=metric.name,
            against=metric.against,
            examples=len(examples),
            score=judgement.scores[name],
            is_share=metric.is_share,
            is_cross_fitted=examples.folds is not None,
        )
        for name, metric in examples.metrics.items()
    )
