"""Repairs a float model step by step; a step stays only if the quantized model gets nearer to the float model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_converters.quantization.operator_noise import relative_error
from edgekit_converters.repair.absorption import (
    without_offsets,
    without_softmax_offsets,
    without_unread_components,
)
from edgekit_converters.repair.attention_masks import with_clamped_masks
from edgekit_converters.repair.bias_correction import bias_corrected
from edgekit_converters.repair.channel_statistics import Channels, measure_channels
from edgekit_converters.repair.equalization import EXPONENTS, equalized
from edgekit_converters.repair.layer_inputs import LayerInputs, measure_layer_inputs
from edgekit_converters.repair.rounding import rounded
from edgekit_converters.repair.small_probabilities import softmax_below_int8
from edgekit_converters.repair.weight_codes import INT8_WEIGHTS, WeightCodes
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Signal to noise in dB from which int8 has nothing to repair: an error of a hundredth of the outputs' deviation.
GOOD_ENOUGH_DB = 40.0
#: A step that adds operators or keeps some in float has to gain this many dB.
_WORTH_AN_OPERATOR_DB = 1.0
#: A step without such a price stays if it loses less than this many dB, because it may help another one …
_HARMLESS_DB = 0.1
#: … and is taken back in the end if neither it nor what it helped has gained this much.
_WORTH_KEEPING_DB = 0.3
#: An int8 file may grow by this factor.
_LARGEST_GROWTH = 1.05
#: Rejected steps are tried again after the others, because one problem can hide another.
_PASSES = 2
#: What unforeseen shapes and values of a model raise in the arithmetic of a step (``LinAlgError`` is a ``ValueError``).
#: Mistakes of another kind, such as a ``TypeError``, are not expected here and end the conversion.
_STEP_FAILURES = (EdgekitError, ArithmeticError, LookupError, ValueError)


@dataclass(frozen=True, slots=True)
class Draft:
    """A float model on its way to integers.

    Attributes:
        model: The float32 .tflite.
        float_operators: Names of output tensors of operators that have to stay in float.
    """

    model: TfliteModel
    float_operators: tuple[str, ...] = ()

    @property
    def price(self) -> int:
        """Number of its operators, those in float counted twice."""
        return len(self.model.description.operators) + len(self.float_operators)


@dataclass(frozen=True, slots=True)
class RepairStep:
    """One step of a repair.

    Attributes:
        name: Name of the step.
        effect: What it did, in words that follow the name.
        gain_db: How much it raised the signal to noise of the int8 model, in dB.
    """

    name: str
    effect: str
    gain_db: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A step that could not be applied to this model and was left out.

    Attributes:
        name: Name of the step.
        reason: The error in one line, with its kind.
    """

    name: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Repair:
    """A repaired float model.

    Attributes:
        draft: The model and what has to stay in float; the original model if nothing helped.
        plain_db: Signal to noise of plain int8 on the examples of the repair, in dB.
        repaired_db: Signal to noise of repaired int8, likewise.
        examples: Number of these examples.
        steps: The steps that helped, in order.
        failed: Steps that raised an error; what they would have changed is as it was.
    """

    draft: Draft
    plain_db: float
    repaired_db: float
    examples: int
    steps: tuple[RepairStep, ...]
    failed: tuple[FailedStep, ...] = ()


@dataclass(slots=True)
class Bench:
    """Examples to repair on, and what was measured on them.

    Attributes:
        inputs: Examples by input name, (N, …).
        judged: Examples that int8 models are judged on.
        quantize: Quantizes a draft.
        weights: How weights are quantized.
        expected: Outputs of the original model.
        progress: Called with 1 after each model that was judged.
    """

    inputs: Mapping[str, np.ndarray]
    judged: Mapping[str, np.ndarray]
    quantize: Callable[[Draft], TfliteModel]
    weights: WeightCodes
    expected: list[np.ndarray]
    progress: Callable[[int], None]
    _channels: dict[TfliteModel, Mapping[int, Channels]] = field(default_factory=dict)
    _layer_inputs: dict[TfliteModel, Mapping[int, LayerInputs]] = field(default_factory=dict)
    _judged: dict[Draft, tuple[float, int]] = field(default_factory=dict)

    def channels(self, model: TfliteModel) -> Mapping[int, Channels]:
        """The channels of a float model, measured once."""
        if model not in self._channels:
            self._channels = {model: measure_channels(model, self.inputs)}
        return self._channels[model]

    def layer_inputs(self, model: TfliteModel) -> Mapping[int, LayerInputs]:
        """What the layers of a float model read, measured once."""
        if model not in self._layer_inputs:
            self._layer_inputs = {model: measure_layer_inputs(model, self.inputs)}
        return self._layer_inputs[model]

    def judge(self, draft: Draft) -> tuple[float, int]:
        """Signal to noise of the quantized model in dB, and its size in bytes."""
        if draft not in self._judged:
            made = self.quantize(draft)
            received = list(edgekit_runtime.load(made).predict_named(self.judged).values())
            self._judged[draft] = signal_to_noise_db(self.expected, received), len(made)
            self.progress(1)
        return self._judged[draft]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One kind of repair.

    Attributes:
        name: Name for reports.
        effect: What it does, for the sentence about a conversion and the table in the guide.
        options: Variants to try, of which the best is used.
        apply: Applies a variant to a draft; returns the draft itself if there is nothing to do.
    """

    name: str
    effect: str
    options: tuple[Any, ...]
    apply: Callable[[Draft, Bench, Any], Draft]


def _changed(draft: Draft, model: TfliteModel) -> Draft:
    return draft if model is draft.model else Draft(model, draft.float_operators)


def _clamp_masks(draft: Draft, bench: Bench, _: None) -> Draft:
    return _changed(draft, with_clamped_masks(draft.model, bench.inputs))


def _leave_out_offsets(draft: Draft, bench: Bench, _: None) -> Draft:
    return _changed(draft, without_softmax_offsets(draft.model))


def _leave_out_components(draft: Draft, bench: Bench, _: None) -> Draft:
    return _changed(draft, without_unread_components(draft.model))


def _absorb(draft: Draft, bench: Bench, _: None) -> Draft:
    return _changed(draft, without_offsets(draft.model, bench.channels(draft.model)))


def _equalize(draft: Draft, bench: Bench, option: tuple[float, bool]) -> Draft:
    exponent, frees_gates = option
    channels = bench.channels(draft.model)
    return _changed(draft, equalized(draft.model, channels, exponent=exponent, frees_gates=frees_gates))


def _keep_softmax(draft: Draft, bench: Bench, _: None) -> Draft:
    names = [name for name in softmax_below_int8(draft.model, bench.inputs) if name not in draft.float_operators]
    return Draft(draft.model, (*draft.float_operators, *names)) if names else draft


def _round(draft: Draft, bench: Bench, _: None) -> Draft:
    return _changed(draft, rounded(draft.model, bench.layer_inputs(draft.model), bench.weights))


def _correct_biases(draft: Draft, bench: Bench, _: None) -> Draft:
    return _changed(draft, bias_corrected(draft.model, bench.layer_inputs(draft.model), bench.weights))


#: All steps, in the order in which they are tried. Absorption comes before equalization, which would otherwise scale
#: offsets instead of values.
STEPS = (
    StepRecord("masks", "clamps the huge negative numbers of attention masks", (None,), _clamp_masks),
    StepRecord("blind offsets", "removes what softmax is blind to", (None,), _leave_out_offsets),
    StepRecord("unread components", "removes what every reader multiplies by 0", (None,), _leave_out_components),
    StepRecord("absorption", "moves constant offsets into the next biases", (None,), _absorb),
    StepRecord(
        "equalization",
        "scales channels to a common peak",
        tuple((exponent, False) for exponent in EXPONENTS),
        _equalize,
    ),
    StepRecord(
        "gated equalization",
        "also scales what swish multiplies, with one more operator",
        tuple((exponent, True) for exponent in EXPONENTS),
        _equalize,
    ),
    StepRecord("float softmax", "keeps a softmax in float whose classes lie below 1/256", (None,), _keep_softmax),
    StepRecord("adaptive rounding", "rounds weights for the output of their layer", (None,), _round),
    StepRecord("bias correction", "makes up for the mean error of rounded weights", (None,), _correct_biases),
)


def signal_to_noise_db(expected: Sequence[np.ndarray], received: Sequence[np.ndarray]) -> float:
    """Variance of the expected outputs over the mean squared error, in dB; at most 200."""
    error = relative_error(expected, received)
    return -10 * float(np.log10(max(error, 1e-20))) if np.isfinite(error) else -200.0


def repair(
    model: TfliteModel,
    inputs: Mapping[str, np.ndarray],
    quantize: Callable[[Draft], TfliteModel],
    *,
    judged: Mapping[str, np.ndarray] | None = None,
    weights: WeightCodes = INT8_WEIGHTS,
    steps: Sequence[StepRecord] = STEPS,
    progress: Callable[[int], None] = lambda models: None,
) -> Repair:
    """Repair a float model for int8 or int4; the same arguments give the same bytes.

    Args:
        model: A float32 model.
        inputs: Examples by input name, (N, …), of those that ranges are measured on.
        quantize: Quantizes a draft.
        judged: Other examples, which steps are judged on; None judges them on ``inputs``.
        weights: How it quantizes weights.
        steps: Steps to try.
        progress: Called with 1 after each quantized model that was judged.
    Raises:
        ConversionError: The original model cannot be quantized.
        InterpreterError: The original model cannot be run.
    """
    judged = inputs if judged is None else judged
    expected = list(edgekit_runtime.load(model).predict_named(judged).values())
    count = len(next(iter(judged.values())))
    bench = Bench(inputs, judged, quantize, weights, expected, progress)
    original = Draft(model)
    plain_db, plain_size = bench.judge(original)
    if plain_db >= GOOD_ENOUGH_DB:
        return Repair(original, plain_db, plain_db, count, ())
    chain = _Chain(bench, original, plain_size * _LARGEST_GROWTH)
    remaining = list(steps)
    for _ in range(_PASSES):
        remaining = [step for step in remaining if not chain.extend(step)]
    chain.shorten()
    return Repair(chain.draft, plain_db, bench.judge(chain.draft)[0], count, chain.report(), chain.failed)


@dataclass(frozen=True, slots=True)
class _Link:
    """An accepted step, the variant that was best, and its result."""

    step: StepRecord
    option: Any
    draft: Draft


class _Chain:
    """The steps accepted so far."""

    def __init__(self, bench: Bench, original: Draft, largest: float) -> None:
        self._bench = bench
        self._original = original
        self._largest = largest
        self._links: list[_Link] = []
        self._failed: dict[str, FailedStep] = {}

    @property
    def draft(self) -> Draft:
        """The result of all steps."""
        return self._links[-1].draft if self._links else self._original

    def extend(self, step: StepRecord) -> bool:
        """Append a step if it does not harm, or if it gains enough for its price."""
        before, _ = self._bench.judge(self.draft)
        best: tuple[float, _Link] | None = None
        for option in step.options:
            draft = self._applied(step, option, self.draft)
            if draft == self.draft:
                continue
            after, size = self._bench.judge(draft)
            needed = before + (_WORTH_AN_OPERATOR_DB if draft.price > self.draft.price else -_HARMLESS_DB)
            if after >= needed and size <= self._largest and (best is None or after > best[0]):
                best = after, _Link(step, option, draft)
        if best is None:
            return False
        self._links.append(best[1])
        return True

    @property
    def failed(self) -> tuple[FailedStep, ...]:
        """The steps that raised an error, each once."""
        return tuple(self._failed.values())

    def _applied(self, step: StepRecord, option: Any, draft: Draft) -> Draft:
        """Apply a step and judge the result; if either fails, note it and return the draft as it was."""
        try:
            # Values that overflow here give a model that the judge rejects.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                changed = step.apply(draft, self._bench, option)
            self._bench.judge(changed)
        except _STEP_FAILURES as error:
            self._failed.setdefault(step.name, FailedStep(step.name, _in_one_line(error)))
            return draft
        return changed

    def shorten(self) -> None:
        """Take back the steps that the others do not need."""
        for link, step in zip(list(self._links), self.report(), strict=True):
            if step.gain_db >= _WORTH_KEEPING_DB:
                continue
            fewer = self._again([each for each in self._links if each is not link])
            after = self._bench.judge(fewer[-1].draft if fewer else self._original)[0]
            if after >= self._bench.judge(self.draft)[0] - _WORTH_KEEPING_DB:
                self._links = fewer

    def _again(self, links: Sequence[_Link]) -> list[_Link]:
        """The same steps, each applied to the result of the one before."""
        result: list[_Link] = []
        draft = self._original
        for link in links:
            draft = self._applied(link.step, link.option, draft)
            result.append(_Link(link.step, link.option, draft))
        return result

    def report(self) -> tuple[RepairStep, ...]:
        """The steps with their gains."""
        levels = [self._bench.judge(draft)[0] for draft in (self._original, *(link.draft for link in self._links))]
        return tuple(
            RepairStep(link.step.name, link.step.effect, after - before)
            for link, before, after in zip(self._links, levels, levels[1:], strict=False)
        )


def _in_one_line(error: Exception) -> str:
    text = error.problem if isinstance(error, EdgekitError) else str(error)
    return " ".join(f"{type(error).__name__}: {text}".split())
