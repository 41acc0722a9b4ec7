"""Checks of predictions: for generated inputs, for data, and against the source model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from edgekit.auditing.check import Finding, problem, remark
from edgekit.auditing.context import AuditContext
from edgekit.auditing.made_up_inputs import input_range, real_range
from edgekit.counting import counted
from edgekit.parity.results import LabelledFigures, OutputParity
from edgekit.parity.validation import DROP_NAMES
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.task import IMAGE, STATE, UNNAMED
from edgekit_runtime.tensor_info import model_inputs

#: Without labels, a lower agreement than this means that the reference is another model.
_LEAST_AGREEMENT = 0.95
#: Signal-to-noise ratios in dB: below the first, zeros would be as close; below the second, much accuracy is lost.
_NO_BETTER_THAN_ZEROS_DB, _MUCH_IS_LOST_DB = 0.0, 10.0
#: Maximum share of data that the range of the input may clip.
_MOST_CUT_OFF = 0.01
#: Minimum share of the input's range that data uses unless it is scaled wrongly.
_LEAST_USED = 0.05
#: Operators with unbounded results, and the maximum share of their values at the upper limit of the range.
_SUMMING = frozenset(("ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
_MOST_AT_THE_TOP = 0.05
_NEAR = 0.05
#: Standard deviations of a 95 % interval.
_DEVIATIONS = 1.96
#: Usual real values of pixels 0 and 255.
_USUAL_PIXEL_RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))


def judge_runs(context: AuditContext) -> Iterator[Finding]:
    """Whether the interpreter on this machine can run the file."""
    error = context.made_up.error
    if error and context.has_open_sizes:
        yield remark(f"made-up inputs could not be run, and their sizes are a guess: {error}")
    elif error:
        yield problem(error)


def judge_finite_outputs(context: AuditContext) -> Iterator[Finding]:
    """Outputs that contain NaN or infinity."""
    examples = context.made_up.examples
    for name, values in context.made_up.outputs.items():
        if values.dtype.kind != "f" or not values.size:
            continue
        bad = int(np.count_nonzero(~np.isfinite(values.reshape(examples, -1)).all(1)))
        if bad:
            text = f"NaN or infinite for {bad} of {counted(examples, 'made-up input')}"
            yield problem(text, name) if bad > examples // 2 else remark(text, name)


def judge_constant_outputs(context: AuditContext) -> Iterator[Finding]:
    """Outputs that are the same for every input."""
    examples = context.made_up.examples
    for name, values in context.made_up.outputs.items():
        if examples > 1 and context.task.outputs[name].name != STATE and (values == values[:1]).all():
            yield problem(f"the same for {counted(examples, 'made-up input')} of many levels and patterns", name)


def judge_input_ranges(context: AuditContext) -> Iterator[Finding]:
    """Data outside the range of an input's integers, or in a small part of it."""
    description = context.parsed.description
    examples = context.some_examples
    for info in model_inputs(description):
        ends, values = input_range(description, info), examples[info.name]
        if ends is None or not values.size:
            continue
        step = (ends[1] - ends[0]) / 255
        cut_off = float(np.mean((values < ends[0] - step) | (values > ends[1] + step)))
        shown = f"{values.min():.3g} to {values.max():.3g}; its integers hold {ends[0]:.3g} to {ends[1]:.3g}"
        if cut_off > _MOST_CUT_OFF:
            yield problem(f"cuts off {cut_off:.0%} of the data, which is {shown}", info.name)
        elif np.ptp(values) < _LEAST_USED * (ends[1] - ends[0]):
            yield problem(f"the data uses a small part of the range: it is {shown}", info.name)


def judge_clipped_activations(context: AuditContext) -> Iterator[Finding]:
    """Activations with many values at the maximum of their integers, because larger values were clipped."""
    description, shares = context.parsed.description, _shares_at_the_top(context)
    for operator in description.operators:
        tensor = description.tensors[operator.outputs[0]] if operator.outputs else None
        ends = None if tensor is None else real_range(tensor)
        if tensor is None or ends is None or operator.name not in _SUMMING or _is_meant(ends[1]):
            continue
        share = shares.get(tensor.index, 0.0)
        if share > _MOST_AT_THE_TOP:
            text = f"{share:.0%} of what {operator.name} writes is at the end of its range, {ends[1]:.3g}"
            yield problem(text, tensor.name or f"tensor {tensor.index}")


def _shares_at_the_top(context: AuditContext) -> dict[int, float]:
    """For each activation by index, the share of its values, for some examples, that have its highest code."""
    values, examples = TensorValues(context.parsed), context.some_examples
    count = len(next(iter(examples.values())))
    size = values.batch or count
    highest, total = Counter[int](), Counter[int]()
    for start in range(0, count - size + 1, size):
        values.run({name: array[start : start + size] for name, array in examples.items()})
        for tensor in values.activations():
            ends = real_range(tensor)
            if ends is not None:
                found = values.real(tensor)
                highest[tensor.index] += int(np.count_nonzero(found >= ends[1] - tensor.scales[0] / 2))
                total[tensor.index] += found.size
    return {index: highest[index] / size for index, size in total.items() if size}


def _is_meant(top: float) -> bool:
    """Whether a range ends at the limit of RELU_N1_TO_1 or RELU6."""
    return any(abs(top - end) < _NEAR * end for end in (1.0, 6.0))


def judge_accuracy(context: AuditContext) -> Iterator[Finding]:
    """Whether predictions are better than always predicting the same class."""
    for output in context.validation.outputs:
        labelled = output.classification.labelled if output.classification else None
        if labelled is not None and _is_at_chance(labelled):
            hint = _better_pixel_range(context, output.name)
            yield problem(f"{_accuracy_words(labelled)}, no better than always naming one class{hint}", output.name)
        elif output.regression is not None and output.regression.r2 and output.regression.r2.candidate <= 0:
            yield problem(
                f"R² is {output.regression.r2.candidate:.3g}: the mean of the true values would be as close",
                output.name,
            )


def _examples(labelled: LabelledFigures) -> int:
    return labelled.counts.examples


def _is_at_chance(labelled: LabelledFigures) -> bool:
    """Whether the mean recall may result from always predicting one class; False for data of a single class.

    Recall is used instead of top-1 accuracy: if nearly all data is of one class, predicting it is nearly always right.
    """
    known = [(each.candidate, each.samples) for each in labelled.recalls if each.candidate is not None and each.samples]
    if len(known) < 2:
        return False
    mean = sum(recall for recall, _ in known) / len(known)
    deviation = math.sqrt(sum(recall * (1 - recall) / samples for recall, samples in known)) / len(known)
    return mean - _DEVIATIONS * deviation <= 1 / len(known)


def _accuracy_words(labelled: LabelledFigures) -> str:
    return f"right for {labelled.candidate_top1:.1%} of {counted(_examples(labelled), 'example')}"


def _better_pixel_range(context: AuditContext, output: str) -> str:
    """The usual pixel range that the file was probably made for; empty if the user passed one or if none helps."""
    images = [name for name, kind in context.task.inputs.items() if kind.name == IMAGE]
    if context.request.pixel_ranges or len(images) != 1:
        return ""
    found = []
    for pixels in _USUAL_PIXEL_RANGES:
        (parity,) = [each for each in context.validate({UNNAMED: pixels}).outputs if each.name == output]
        labelled = parity.classification.labelled if parity.classification else None
        if labelled is not None and not _is_at_chance(labelled):
            found.append((labelled.candidate_top1, pixels, _accuracy_words(labelled)))
    if not found:
        return ""
    _, (low, high), words = max(found)
    return f"; with --pixel-range {low:g},{high:g} it is {words}"


def judge_comparison(context: AuditContext) -> Iterator[Finding]:
    """Differences between the file and its source model."""
    for output in context.validation.outputs:
        if output.kind == STATE:
            continue
        yield from _drop(context, output) or (_agreement(output) if context.request.data else _distance(output))


def _drop(context: AuditContext, output: OutputParity) -> list[Finding]:
    drop, allowed = output.accuracy_drop, context.request.max_drop
    if drop is None or drop <= allowed:
        return []
    labelled = output.classification.labelled if output.classification else None
    interval = labelled.drop_interval if labelled else None
    text = f"{DROP_NAMES.get(output.kind, output.kind)} drops by {drop:.4f}, allowed {allowed:.4f}"
    if interval is None:
        return [problem(text, output.name)]
    text += f" (95 %: {interval.low:.4f} to {interval.high:.4f})"
    return [
        problem(text, output.name) if interval.low > 0 else remark(f"{text}: too few examples to tell", output.name)
    ]


def _agreement(output: OutputParity) -> list[Finding]:
    """Findings for data without labels; with labels, the drop decides instead."""
    if output.accuracy_drop is not None:
        return []
    if output.agreement is None:
        return _distance(output)
    if output.agreement >= _LEAST_AGREEMENT:
        return []
    return [problem(f"agrees for {output.agreement:.1%} of the examples, needed {_LEAST_AGREEMENT:.0%}", output.name)]


def _distance(output: OutputParity) -> list[Finding]:
    noise = output.errors.snr_db
    if noise is None or noise >= _MUCH_IS_LOST_DB:
        return []
    text = (
        f"signal-to-noise ratio {noise:.1f} dB: the largest difference is {output.errors.max_absolute_difference:.3g}"
    )
    return [problem(text, output.name) if noise < _NO_BETTER_THAN_ZEROS_DB else remark(text, output.name)]
