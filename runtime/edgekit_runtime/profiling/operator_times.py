"""Times every operator of a model, and finds out which of them XNNPACK runs."""

from __future__ import annotations

import time
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.interpreters.startup_note import NEGATION
from edgekit_runtime.profiling.cutting import Part, cut, parts_of
from edgekit_runtime.tflite.description import SubgraphDescription, TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

if TYPE_CHECKING:
    from edgekit_runtime.interpreters.interface import Interpreter, InterpreterChoice

# Each part is timed for this long, but for a number of runs within these limits.
_SECONDS = 0.05
_FEWEST_RUNS, _MOST_RUNS = 5, 2000
_DELEGATE = "DELEGATE"


class PartTime(NamedTuple):
    """Time of a part.

    Attributes:
        part: The part.
        ms: Shortest time of its invoke in milliseconds, less that of an invoke without work; ``None`` if the part
            cannot run alone.
    """

    part: Part
    ms: float | None


class OperatorTimes(NamedTuple):
    """Times of a model and of its parts.

    Attributes:
        whole_ms: Shortest time of an invoke of the whole model in milliseconds.
        parts: Times of the parts, in the file's order.
        in_xnnpack: Numbers of the operators that XNNPACK runs; ``None`` if the interpreter does not tell.
        partitions: Number of separate groups that XNNPACK runs; ``None`` if the interpreter does not tell.
    """

    whole_ms: float
    parts: tuple[PartTime, ...]
    in_xnnpack: frozenset[int] | None
    partitions: int | None


def time_operators(
    model: TfliteModel, choice: InterpreterChoice, num_threads: int, between: Callable[[], None] = lambda: None
) -> OperatorTimes:
    """Time a model and each of its operators.

    Args:
        model: The model; sizes that the caller chooses are those stored in the file.
        choice: The interpreter.
        num_threads: Number of threads that one operator may use.
        between: Called after each measurement, for example to look at the clock of the processor.
    Raises:
        InterpreterError: The interpreter refuses the model.
    """
    # One thread's processor time does not count the time in which other programs have the core.
    clock = time.thread_time if num_threads == 1 else time.perf_counter
    subgraph = model.description.subgraphs[0]
    interpreter = choice.create(model.source, num_threads)
    delegates = delegated_nodes(interpreter)
    _set_inputs(interpreter, subgraph, subgraph.inputs)
    whole_ms = _shortest_ms(interpreter.invoke, clock)
    del interpreter
    overhead_ms = _shortest_ms(choice.create(a2b_base64(NEGATION), num_threads).invoke, clock)
    times = []
    for part in parts_of(subgraph):
        try:
            interpreter = choice.create(cut(model, part).source, num_threads)
            _set_inputs(interpreter, subgraph, part.inputs)
            ms: float | None = max(0.0, _shortest_ms(interpreter.invoke, clock) - overhead_ms)
        # A part may need values that only the rest of the model computes.
        except (EdgekitError, ValueError, RuntimeError):
            ms = None
        times.append(PartTime(part, ms))
        between()
    return OperatorTimes(
        whole_ms,
        tuple(times),
        None if delegates is None else delegated_operators(subgraph, delegates),
        None if delegates is None else len(delegates),
    )


def time_whole(model: TfliteModel, choice: InterpreterChoice, num_threads: int) -> float:
    """Shortest time of the whole model in milliseconds, as a clock on the wall shows it."""
    subgraph = model.description.subgraphs[0]
    interpreter = choice.create(model.source, num_threads)
    _set_inputs(interpreter, subgraph, subgraph.inputs)
    return _shortest_ms(interpreter.invoke, time.perf_counter)


def delegated_nodes(interpreter: Interpreter) -> list[tuple[tuple[int, ...], tuple[int, ...]]] | None:
    """Inputs and outputs of each node that stands for operators in XNNPACK; ``None`` if the interpreter does not tell.

    LiteRT and tflite-runtime list these nodes behind the operators of the file once tensors are allocated. Their
    method for that is not public, which is why it may be missing.
    """
    list_nodes = getattr(interpreter, "_get_ops_details", None)
    if list_nodes is None:
        return None
    nodes = [node for node in list_nodes() if node["op_name"] == _DELEGATE]
    return [(tuple(map(int, node["inputs"])), tuple(map(int, node["outputs"]))) for node in nodes]


def delegated_operators(
    subgraph: SubgraphDescription, delegates: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
) -> frozenset[int]:
    """Numbers of the operators that lie between the inputs and the outputs of delegate nodes."""
    producers = {tensor: number for number, each in enumerate(subgraph.operators) for tensor in each.outputs}
    found: set[int] = set()
    for inputs, outputs in delegates:
        queue = list(outputs)
        while queue:
            tensor = queue.pop()
            number = producers.get(tensor)
            if tensor in inputs or number is None or number in found:
                continue
            found.add(number)
            queue.extend(subgraph.operators[number].inputs)
    return frozenset(found)


def _set_inputs(interpreter: Interpreter, subgraph: SubgraphDescription, tensors: Sequence[int]) -> None:
    for index in tensors:
        interpreter.set_tensor(index, _example(subgraph.tensors[index]))


def _example(tensor: TensorDescription) -> np.ndarray[Any, Any]:
    """Values to time an operator with: zeros could be faster than others, and whole numbers could be indices."""
    dtype = np.dtype(tensor.dtype)
    random = np.random.default_rng(0)
    if dtype.kind == "f":
        return random.random(tensor.shape, np.float32).astype(dtype)
    if dtype.itemsize == 1 and dtype.kind in "iu" and tensor.scales:
        limits = np.iinfo(dtype)
        return random.integers(limits.min, limits.max, tensor.shape, dtype)
    return np.zeros(tensor.shape, dtype)


def _shortest_ms(invoke: Callable[[], None], clock: Callable[[], float]) -> float:
    """Shortest time of a call in milliseconds, after calls that warm up caches; other programs only add to it."""
    start = clock()
    invoke()
    invoke()
    runs = int(_SECONDS / max((clock() - start) / 2, 1e-7))
    times = []
    for _ in range(min(max(runs, _FEWEST_RUNS), _MOST_RUNS)):
        start = clock()
        invoke()
        times.append(clock() - start)
    return 1000 * min(times)
