"""Measures a model and explains why it takes the time it takes: ``bench --explain``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgekit_runtime.device_benchmark import Board, read_board
from edgekit_runtime.profiling.causes import find_causes
from edgekit_runtime.profiling.explanation import CONVERSIONS, Conversions, Explanation, OperatorProfile, ThreadsTime
from edgekit_runtime.profiling.operator_times import OperatorTimes, PartTime, time_operators, time_whole
from edgekit_runtime.tflite.description import OperatorDescription, SubgraphDescription, TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

if TYPE_CHECKING:
    from edgekit_runtime.interpreters.interface import InterpreterChoice

#: Operators whose second input has the weights.
_WEIGHTED = ("CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def explain(
    model: TfliteModel, choice: InterpreterChoice, thread_counts: Sequence[int], num_threads: int = 1
) -> Explanation:
    """Time a model, its operators and other numbers of threads, and name the causes.

    Args:
        model: The model; sizes that the caller chooses are those stored in the file.
        choice: The interpreter.
        thread_counts: Numbers of threads with which the whole model is timed.
        num_threads: Number of threads with which the operators are timed.
    Raises:
        InterpreterError: The interpreter refuses the model.
    """
    before = read_board()
    clocks: list[float] = []

    def look_at_clock() -> None:
        clock = read_board().clock_mhz
        if clock is not None:
            clocks.append(clock)

    times = time_operators(model, choice, num_threads, look_at_clock)
    threads = tuple(ThreadsTime(count, time_whole(model, choice, count)) for count in thread_counts)
    return describe_times(
        model.description.subgraphs[0],
        times,
        interpreter=f"{choice.name} {choice.version}",
        num_threads=num_threads,
        threads=threads,
        before=before,
        after=read_board(),
        lowest_clock_mhz=min(clocks, default=None),
    )


def describe_times(
    subgraph: SubgraphDescription,
    times: OperatorTimes,
    *,
    interpreter: str,
    num_threads: int,
    threads: tuple[ThreadsTime, ...],
    before: Board,
    after: Board,
    lowest_clock_mhz: float | None = None,
) -> Explanation:
    """Combine times with the structure of the model, and name the causes; the same times give the same result."""
    parts_ms = sum(part.ms or 0 for part in times.parts)
    share_of: Callable[[float], float] = (lambda ms: ms / parts_ms) if parts_ms else (lambda ms: 0.0)
    operators = tuple(_profile(subgraph, timed, share_of, times.in_xnnpack) for timed in times.parts)
    conversions = _conversions(subgraph, operators)
    return Explanation(
        interpreter=interpreter,
        num_threads=num_threads,
        whole_ms=times.whole_ms,
        parts_ms=parts_ms,
        partitions=times.partitions,
        operators=operators,
        conversions=conversions,
        threads=threads,
        before=before,
        after=after,
        lowest_clock_mhz=lowest_clock_mhz,
        causes=find_causes(
            operators, conversions, threads=threads, before=before, after=after, lowest_clock_mhz=lowest_clock_mhz
        ),
    )


def _profile(
    subgraph: SubgraphDescription,
    timed: PartTime,
    share_of: Callable[[float], float],
    in_xnnpack: frozenset[int] | None,
) -> OperatorProfile:
    number = timed.part.operator
    operator = subgraph.operators[number]
    output = subgraph.tensors[operator.outputs[0]]
    activations = [subgraph.tensors[t] for t in (*operator.inputs, *operator.outputs) if t >= 0]
    return OperatorProfile(
        number=number,
        name=operator.custom_code or operator.name,
        output=output.name,
        dtype=output.dtype,
        weights=_weights(operator, subgraph),
        megabytes=sum(_bytes(tensor) for tensor in activations if not tensor.is_constant) / 1e6,
        ms=timed.ms,
        share=None if timed.ms is None else share_of(timed.ms),
        in_xnnpack=None if in_xnnpack is None else number in in_xnnpack,
        includes=tuple(other for other in timed.part.operators if other != number),
    )


def _weights(operator: OperatorDescription, subgraph: SubgraphDescription) -> str:
    if operator.name not in _WEIGHTED or len(operator.inputs) < 2:
        return ""
    tensor = subgraph.tensors[operator.inputs[1]]
    if not tensor.scales:
        return tensor.dtype
    return f"{tensor.dtype} per {'channel' if len(tensor.scales) > 1 else 'tensor'}"


def _bytes(tensor: TensorDescription) -> int:
    try:
        item_bytes = np.dtype(tensor.dtype).itemsize
    except TypeError:
        return 0
    return int(np.prod(tensor.shape, dtype=np.int64)) * item_bytes


def _conversions(subgraph: SubgraphDescription, profiles: Sequence[OperatorProfile]) -> Conversions:
    converting = [profile for profile in profiles if profile.name in CONVERSIONS]
    edges = {*subgraph.inputs, *subgraph.outputs}
    inside = 0
    for profile in converting:
        operator = subgraph.operators[profile.number]
        inside += not edges.intersection((*operator.inputs, *operator.outputs))
    return Conversions(
        quantize=sum(profile.name == "QUANTIZE" for profile in converting),
        dequantize=sum(profile.name == "DEQUANTIZE" for profile in converting),
        inside=inside,
        ms=sum(profile.ms or 0 for profile in converting),
        share=sum(profile.share or 0 for profile in converting),
    )
