"""Checks of scales and integer weights, without running anything."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgekit.auditing.check import Finding, problem, remark
from edgekit.auditing.context import AuditContext
from edgekit.counting import counted
from edgekit_runtime.tflite.scales import SMALLEST_SCALE, smallest_scale

#: Axis of the output channels of weights, which are input 1 of their operators.
_CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0}
#: A channel whose codes stay within this many steps of zero has fewer than 3 bits.
_FEWEST_STEPS = 3
#: Share of such channels that is considered a mistake, because so many channels carry almost no information.
_MOST_COARSE_CHANNELS = 0.1
#: Share of weights at the limits of their range. Without clipping, every channel has one weight there.
_MOST_AT_THE_ENDS = 0.05
#: Weights with so few distinct sizes are intentional, such as signs or a mask.
_FEWEST_SIZES = 4


def judge_zero_scales(context: AuditContext) -> Iterator[Finding]:
    """Scales of 0 or so small that some processors treat them as 0; the structure check refuses those that crash."""
    for graph in context.parsed.description.subgraphs:
        for tensor in graph.tensors:
            if smallest_scale(tensor) >= SMALLEST_SCALE:
                continue
            codes = context.codes(tensor)
            name = tensor.name or f"tensor {tensor.index}"
            if codes is None:
                yield remark("a scale of 0: its values were all 0 when the ranges were measured", name)
            elif codes.any():
                yield problem("a scale of 0, though its integers are not 0: its values are lost", name)


def judge_clipped_weights(context: AuditContext) -> Iterator[Finding]:
    """Weights with many values at the limits of their range, because values beyond the limits were clipped."""
    for name, axis, codes in _weights(context):
        limits = np.iinfo(codes.dtype)
        # Symmetric ranges leave the lowest code out.
        at_the_ends = (codes <= limits.min + 1) | (codes == limits.max)
        per_channel = np.count_nonzero(at_the_ends, tuple(n for n in range(codes.ndim) if n != axis))
        # The largest weight of each channel, or of all channels together, belongs there.
        cut_off = int(np.maximum(per_channel - 1, 0).sum())
        if cut_off > _MOST_AT_THE_ENDS * codes.size and len(np.unique(codes)) > _FEWEST_SIZES:
            share = cut_off / codes.size
            yield problem(
                f"{share:.0%} of the weights are at the ends of their range, which cuts off larger ones", name
            )


def judge_one_scale_weights(context: AuditContext) -> Iterator[Finding]:
    """Weights with one scale for all channels, although these differ so much that small ones keep few bits."""
    for name, axis, codes in _weights(context, only_one_scale=True):
        steps = np.abs(codes).max(tuple(n for n in range(codes.ndim) if n != axis))
        coarse = int(np.count_nonzero(steps <= _FEWEST_STEPS))
        if not coarse or len(steps) == 1 or steps.max() <= _FEWEST_STEPS:
            continue
        text = (
            f"one scale for {counted(len(steps), 'channel')}, of which {coarse} use at most {2 * _FEWEST_STEPS + 1} of "
            "the codes"
        )
        yield problem(text, name) if coarse > _MOST_COARSE_CHANNELS * len(steps) else remark(text, name)


def _weights(context: AuditContext, *, only_one_scale: bool = False) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield name, channel axis, and integers minus zero point of the quantized weights of each operator."""
    for name, operator, tensors in context.operators():
        axis = _CHANNEL_AXES.get(operator.name)
        if axis is None or len(operator.inputs) < 2 or operator.inputs[1] < 0:
            continue
        weights = tensors[operator.inputs[1]]
        codes = context.codes(weights)
        if codes is None or not codes.size or not weights.scales or axis >= codes.ndim:
            continue
        if not only_one_scale:
            yield name, axis, codes
        elif len(weights.scales) == 1:
            yield name, axis, codes.astype(np.int64) - weights.zero_points[0]
