"""What ``bench --explain`` reports: every operator's time and place, threads, the processor's clock, and causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_runtime.device_benchmark import Board

#: Operators that convert between integers and real values, or between two integer scales.
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True)
class OperatorProfile:
    """One operator of the main subgraph.

    Attributes:
        number: Its number in the file.
        name: Name of the builtin operator in the schema, or the code of a custom one.
        output: Name of its first output.
        dtype: Dtype of its activations, such as ``float32`` or ``int8``.
        weights: ``float32``, ``int8 per channel``, ``int8 per tensor``, …; empty if it has none.
        megabytes: Size of the activations that it reads and writes, in MB of 1e6 bytes.
        ms: Time in milliseconds if it runs alone; ``None`` if it cannot.
        share: Share of the time of all operators; ``None`` if it cannot run alone.
        in_xnnpack: Whether XNNPACK runs it in the whole model; ``None`` if the interpreter does not tell.
        includes: Numbers of operators whose time is included, since they only compute its shapes or constants.
    """

    number: int
    name: str
    output: str
    dtype: str
    weights: str
    megabytes: float
    ms: float | None
    share: float | None
    in_xnnpack: bool | None
    includes: tuple[int, ...]


@dataclass(frozen=True)
class ThreadsTime:
    """Time of the whole model with a number of threads per operator.

    Attributes:
        num_threads: Number of threads that one operator may use.
        ms: Shortest time of a prediction in milliseconds.
    """

    num_threads: int
    ms: float


@dataclass(frozen=True)
class Conversions:
    """What converting between integers and real values costs.

    Attributes:
        quantize: Number of QUANTIZE operators.
        dequantize: Number of DEQUANTIZE operators.
        inside: Number of both that are neither at an input nor at an output of the model.
        ms: Their time in milliseconds.
        share: Their share of the time of all operators.
    """

    quantize: int
    dequantize: int
    inside: int
    ms: float
    share: float


@dataclass(frozen=True)
class Cause:
    """A reason why the model is slow.

    Attributes:
        kind: ``outside_xnnpack``, ``float_islands``, ``per_tensor_weights``, ``data_movement``, ``threads``,
            ``throttling`` or ``arithmetic``.
        share: Share of the time that it concerns; ``None`` if that is not known.
        sentence: What is slow, and why.
        remedy: What to do about it.
        operators: Numbers of the operators that it concerns.
    """

    kind: str
    share: float | None
    sentence: str
    remedy: str
    operators: tuple[int, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why a model takes the time it takes.

    Attributes:
        interpreter: Name and version of the interpreter.
        num_threads: Number of threads with which the operators were timed.
        whole_ms: Shortest time of the whole model in milliseconds.
        parts_ms: Sum of the operators' times. It differs from ``whole_ms``: alone, an operator finds its data in the
            cache, and XNNPACK cannot fuse it with its neighbours.
        partitions: Number of separate groups of operators that XNNPACK runs; ``None`` if the interpreter does not tell.
        operators: Operators, in the file's order.
        conversions: Cost of QUANTIZE and DEQUANTIZE.
        threads: Times with other numbers of threads.
        before: State of the board before the measurement.
        after: State of the board after it.
        lowest_clock_mhz: Lowest clock frequency seen in between, in MHz; ``None`` if the board does not report it.
        causes: Reasons, the most important first.
    """

    interpreter: str
    num_threads: int
    whole_ms: float
    parts_ms: float
    partitions: int | None
    operators: tuple[OperatorProfile, ...]
    conversions: Conversions
    threads: tuple[ThreadsTime, ...]
    before: Board
    after: Board
    lowest_clock_mhz: float | None
    causes: tuple[Cause, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Explanation:
        """Read :meth:`to_dict`, for example of another machine.

        Raises:
            KeyError, TypeError or ValueError: A field is missing or of another type.
        """

        def tuples(name: str, kind: Any) -> Any:
            return tuple(kind(**each) for each in fields[name])

        return cls(
            interpreter=str(fields["interpreter"]),
            num_threads=int(fields["num_threads"]),
            whole_ms=float(fields["whole_ms"]),
            parts_ms=float(fields["parts_ms"]),
            partitions=None if fields["partitions"] is None else int(fields["partitions"]),
            operators=tuples("operators", _operator),
            conversions=Conversions(**fields["conversions"]),
            threads=tuples("threads", ThreadsTime),
            before=Board(**fields["before"]),
            after=Board(**fields["after"]),
            lowest_clock_mhz=None if fields["lowest_clock_mhz"] is None else float(fields["lowest_clock_mhz"]),
            causes=tuples("causes", _cause),
        )


def _operator(*, includes: Sequence[int], **fields: Any) -> OperatorProfile:
    return OperatorProfile(includes=tuple(includes), **fields)


def _cause(*, operators: Sequence[int], **fields: Any) -> Cause:
    return Cause(operators=tuple(operators), **fields)
