"""Names the causes of a slow model, from the structure and the times of its operators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgekit_runtime.device_benchmark import Board
from edgekit_runtime.profiling.explanation import CONVERSIONS, Cause, Conversions, OperatorProfile, ThreadsTime

#: Causes that concern less than this share of the time are not worth a sentence.
SMALLEST_SHARE = 0.1
_MOVING_SHARE = 0.25
_DOMINANT_SHARE = 0.5
# More threads must cost this factor before it is called a cause: two measurements of the same differ, too.
_THREADS_FACTOR = 1.15
_CLOCK_DROP = 0.85
#: Operators that move values and compute nothing.
MOVING = frozenset(
    {
        "BATCH_TO_SPACE_ND",
        "BROADCAST_TO",
        "CONCATENATION",
        "DEPTH_TO_SPACE",
        "EXPAND_DIMS",
        "GATHER",
        "GATHER_ND",
        "MIRROR_PAD",
        "PACK",
        "PAD",
        "PADV2",
        "RESHAPE",
        "REVERSE_V2",
        "SCATTER_ND",
        "SLICE",
        "SPACE_TO_BATCH_ND",
        "SPACE_TO_DEPTH",
        "SPLIT",
        "SPLIT_V",
        "SQUEEZE",
        "STRIDED_SLICE",
        "TILE",
        "TRANSPOSE",
        "UNPACK",
    }
)
#: Operators that XNNPACK runs in float32, but most of them not in int8. Measured with LiteRT 2.3; for those that need
#: options: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/xnnpack/README.md
FAST_IN_FLOAT = frozenset(
    {
        "ABS",
        "CEIL",
        "COS",
        "DIV",
        "ELU",
        "EXP",
        "FLOOR",
        "GELU",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOG",
        "LOGISTIC",
        "MAXIMUM",
        "MINIMUM",
        "NEG",
        "PRELU",
        "RELU",
        "RELU6",
        "RELU_N1_TO_1",
        "ROUND",
        "RSQRT",
        "SIN",
        "SOFTMAX",
        "SQRT",
        "SQUARE",
        "SQUARED_DIFFERENCE",
        "TANH",
    }
)
_LISTED = 3


def find_causes(
    operators: Sequence[OperatorProfile],
    conversions: Conversions,
    *,
    threads: Sequence[ThreadsTime] = (),
    before: Board | None = None,
    after: Board | None = None,
    lowest_clock_mhz: float | None = None,
) -> tuple[Cause, ...]:
    """Find the reasons for which a model is slow.

    Args:
        operators: Operators with their times.
        conversions: Cost of QUANTIZE and DEQUANTIZE.
        threads: Times of the whole model by number of threads.
        before: State of the board before the measurement.
        after: State of the board after it.
        lowest_clock_mhz: Lowest clock frequency seen in between, in MHz.
    Returns:
        Causes with remedies: a throttled processor first, then the largest share of time first, then threads.
    """
    left = [operator for operator in operators if operator.share is not None]
    found: list[Cause] = []
    for find in (_per_tensor_weights, _data_movement):
        found += find(left)
        explained = {number for cause in found for number in cause.operators}
        left = [operator for operator in left if operator.number not in explained]
    found += _float_islands(operators, conversions)
    found += _outside_xnnpack([o for o in left if o.name not in CONVERSIONS and o.name not in MOVING])
    found.sort(key=lambda cause: -(cause.share or 0))
    causes = (*_throttling(before, after, lowest_clock_mhz), *found, *_threads(threads, after))
    return causes or tuple(_arithmetic(left))


def _per_tensor_weights(operators: Sequence[OperatorProfile]) -> Iterable[Cause]:
    slow = [o for o in operators if o.dtype == "float32" and o.weights == "int8 per tensor" and o.in_xnnpack is False]
    for group in _by_name(slow, SMALLEST_SHARE):
        yield group.cause(
            "per_tensor_weights",
            "{name} has float activations and int8 weights with one scale for all channels, ran outside XNNPACK and"
            " takes {share}",
            "give each channel its own scale: edgekit convert --quantize dynamic --scheme per-channel",
        )


def _data_movement(operators: Sequence[OperatorProfile]) -> Iterable[Cause]:
    for group in _by_name([o for o in operators if o.name in MOVING], _MOVING_SHARE):
        yield group.cause(
            "data_movement",
            "{name} computes nothing, moves {megabytes:,.1f} MB and takes {share}",
            "remove the layers that permute, reshape, pad or copy, or permute the data once before it is passed to the"
            " model: TFLite's operators want channels last from input to output",
        )


def _outside_xnnpack(operators: Sequence[OperatorProfile]) -> Iterable[Cause]:
    outside = [operator for operator in operators if operator.in_xnnpack is False]
    for group in _by_name(outside, SMALLEST_SHARE):
        name, dtype = group.name, group.dtype
        if dtype != "float32" and name in FAST_IN_FLOAT:
            remedy = f"keep it in float, which XNNPACK runs: edgekit convert --keep-float {name.lower()}"
        elif dtype != "float32":
            remedy = (
                f"try it in float: edgekit convert --keep-float {name.lower()}; or replace the layer by one whose"
                " operators XNNPACK runs"
            )
        else:
            remedy = "replace the layer by one whose operators XNNPACK runs, or compute it outside the model"
        yield group.cause("outside_xnnpack", "{name} ran outside XNNPACK in {dtype} and takes {share}", remedy)


def _float_islands(operators: Sequence[OperatorProfile], conversions: Conversions) -> Iterable[Cause]:
    if conversions.share < SMALLEST_SHARE:
        return
    numbers = tuple(o.number for o in operators if o.name in CONVERSIONS)
    counts = (
        f"{conversions.quantize} QUANTIZE and {conversions.dequantize} DEQUANTIZE take {_percent(conversions.share)}"
    )
    if not conversions.inside:
        yield Cause(
            "float_islands",
            conversions.share,
            f"{counts}: they convert the model's float inputs and outputs.",
            "pass integers: edgekit convert --io int8 (or uint8)",
            numbers,
        )
        return
    islands = sorted({o.name for o in operators if o.dtype == "float32" and o.name not in CONVERSIONS})
    yield Cause(
        "float_islands",
        conversions.share,
        f"{counts}: they convert between int8 and the float operators among them ({_listed(islands)}).",
        "quantize these operators, too (without --keep-float), or keep their neighbours in float as well, so that fewer"
        " conversions are left",
        numbers,
    )


def _threads(threads: Sequence[ThreadsTime], after: Board | None) -> Iterable[Cause]:
    if len(threads) < 2:
        return
    best = min(threads, key=lambda each: (each.ms, each.num_threads))
    slower = [each for each in threads if each.num_threads > best.num_threads and each.ms > _THREADS_FACTOR * best.ms]
    if not slower:
        return
    worst = max(slower, key=lambda each: each.ms)
    cores = after.cores if after is not None else 0
    why = (
        f"this process has {cores} core(s)"
        if cores and worst.num_threads > cores
        else "the operators are too short to be shared"
    )
    yield Cause(
        "threads",
        None,
        f"{worst.num_threads} threads take {worst.ms / best.ms:.1f} × as long as {best.num_threads}: {why}.",
        f"use {best.num_threads}: load(…, num_threads={best.num_threads}) or --threads {best.num_threads}",
    )


def _throttling(before: Board | None, after: Board | None, lowest_clock_mhz: float | None) -> Iterable[Cause]:
    if before is None or after is None:
        return
    limits = after.throttled_since(before)
    clock = before.clock_mhz or 0
    if limits:
        yield Cause(
            "throttling",
            None,
            f"The board limits its processor: {', '.join(limits)}.",
            "cool the board, or use a power supply and a cable that keep 5 V under load; then measure again",
        )
    elif lowest_clock_mhz is not None and lowest_clock_mhz < _CLOCK_DROP * clock:
        yield Cause(
            "throttling",
            None,
            f"The clock fell from {clock:,.0f} to {lowest_clock_mhz:,.0f} MHz during the measurement.",
            "cool the board, or set the frequency governor to performance; then measure again",
        )


def _arithmetic(operators: Sequence[OperatorProfile]) -> Iterable[Cause]:
    for group in _by_name(operators, _DOMINANT_SHARE):
        is_float = group.dtype == "float32" and group.weights in ("", "float32")
        place = {True: "inside XNNPACK", False: "outside XNNPACK", None: "in the interpreter"}[group.in_xnnpack]
        yield group.cause(
            "arithmetic",
            f"{{name}} ran {place} in {{dtype}} and takes {{share}}: its arithmetic is the model's work",
            "quantize: edgekit convert --quantize int8" if is_float else "use a smaller model or smaller inputs",
        )


class _Group:
    """Operators of one name and dtype that together take a share of the time."""

    def __init__(self, operators: Sequence[OperatorProfile]) -> None:
        first = operators[0]
        self.name, self.dtype, self.weights, self.in_xnnpack = first.name, first.dtype, first.weights, first.in_xnnpack
        self.share = sum(operator.share or 0 for operator in operators)
        self._operators = operators

    def cause(self, kind: str, sentence: str, remedy: str) -> Cause:
        count = f" ({len(self._operators)} operators)" if len(self._operators) > 1 else ""
        text = sentence.format(
            name=self.name + count,
            dtype=self.dtype,
            share=_percent(self.share),
            megabytes=sum(operator.megabytes for operator in self._operators),
        )
        return Cause(kind, self.share, f"{text}.", remedy, tuple(operator.number for operator in self._operators))


def _by_name(operators: Sequence[OperatorProfile], smallest_share: float) -> list[_Group]:
    groups: dict[tuple[str, str], list[OperatorProfile]] = {}
    for operator in operators:
        groups.setdefault((operator.name, operator.dtype), []).append(operator)
    found = [_Group(group) for group in groups.values()]
    return sorted((group for group in found if group.share >= smallest_share), key=lambda group: -group.share)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
