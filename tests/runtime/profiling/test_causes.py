"""The cause of each model that was made to be slow for one reason, from its structure and given times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit_runtime.device_benchmark import Board
from edgekit_runtime.profiling.causes import find_causes
from edgekit_runtime.profiling.cutting import parts_of
from edgekit_runtime.profiling.explaining import describe_times
from edgekit_runtime.profiling.explanation import Conversions, Explanation, ThreadsTime
from edgekit_runtime.profiling.explanation_text import explanation_lines
from edgekit_runtime.profiling.operator_times import OperatorTimes, PartTime, delegated_operators
from edgekit_runtime.tflite.tflite_model import TfliteModel

SLOW_MODELS = Path(__file__).resolve().parent.parent.parent / "data" / "slow_models"
BOARD = Board("Raspberry Pi", 50.0, 1800.0, 4, 0)
NONE = Conversions(0, 0, 0, 0.0, 0.0)


def explained(
    name: str,
    ms: dict[str, float],
    outside: tuple[str, ...] = (),
    threads: tuple[tuple[int, float], ...] = (),
    after: Board = BOARD,
    lowest: float | None = None,
) -> Explanation:
    """An explanation of times that are given by the operators' names; others take 0.1 ms."""
    subgraph = TfliteModel((SLOW_MODELS / f"{name}.tflite").read_bytes()).description.subgraphs[0]
    times = tuple(PartTime(part, ms.get(subgraph.operators[part.operator].name, 0.1)) for part in parts_of(subgraph))
    inside = frozenset(number for number, each in enumerate(subgraph.operators) if each.name not in outside)
    return describe_times(
        subgraph,
        OperatorTimes(sum(time.ms or 0 for time in times), times, inside, 2),
        interpreter="litert 2.3.0",
        num_threads=1,
        threads=tuple(ThreadsTime(*each) for each in threads),
        before=BOARD,
        after=after,
        lowest_clock_mhz=lowest,
    )


@pytest.mark.parametrize(
    ("name", "ms", "outside", "threads", "kind", "sentence", "remedy"),
    [
        pytest.param(
            "outside_xnnpack",
            {"HARD_SWISH": 0.9},
            ("HARD_SWISH",),
            (),
            "outside_xnnpack",
            "HARD_SWISH (2 operators) ran outside XNNPACK in int8 and takes 86 %.",
            "--keep-float hard_swish",
            id="outside-xnnpack",
        ),
        pytest.param(
            "float_islands",
            {"QUANTIZE": 0.4, "DEQUANTIZE": 0.4},
            (),
            (),
            "float_islands",
            "3 QUANTIZE and 3 DEQUANTIZE take 77 %: they convert between int8 and the float operators among them (ABS)",
            "quantize these operators",
            id="float-islands",
        ),
        pytest.param(
            "per_tensor_weights",
            {"DEPTHWISE_CONV_2D": 2.0},
            ("DEPTHWISE_CONV_2D",),
            (),
            "per_tensor_weights",
            "int8 weights with one scale for all channels, ran outside XNNPACK and takes 95 %.",
            "--scheme per-channel",
            id="per-tensor-weights",
        ),
        pytest.param(
            "too_many_threads",
            {},
            (),
            ((1, 0.01), (2, 0.02), (4, 0.05)),
            "threads",
            "4 threads take 5.0 × as long as 1: the operators are too short to be shared.",
            "num_threads=1",
            id="too-many-threads",
        ),
        pytest.param(
            "huge_transpose",
            {"TRANSPOSE": 3.0},
            (),
            (),
            "data_movement",
            "TRANSPOSE (2 operators) computes nothing, moves 0.0 MB and takes 98 %.",
            "channels last",
            id="huge-transpose",
        ),
    ],
)
def test_the_cause_of_a_model_that_is_slow_for_one_reason(
    name: str,
    ms: dict[str, float],
    outside: tuple[str, ...],
    threads: tuple[tuple[int, float], ...],
    kind: str,
    sentence: str,
    remedy: str,
) -> None:
    (cause,) = explained(name, ms, outside, threads).causes
    assert cause.kind == kind
    assert sentence in cause.sentence
    assert remedy in cause.remedy


def test_without_a_cause_the_arithmetic_is_named() -> None:
    (cause,) = explained("per_tensor_weights", {"CONV_2D": 5.0}).causes
    assert (cause.kind, cause.remedy) == ("arithmetic", "quantize: edgekit convert --quantize int8")
    assert "CONV_2D (3 operators) ran inside XNNPACK in float32 and takes 98 %" in cause.sentence


@pytest.mark.parametrize(
    ("after", "lowest", "sentence"),
    [
        pytest.param(BOARD, 600.0, "The clock fell from 1,800 to 600 MHz during the measurement.", id="clock"),
        pytest.param(Board("Pi", 80.0, 1800.0, 4, 0x4), None, "The board limits its processor: throttled.", id="now"),
        pytest.param(Board("Pi", 80.0, 1800.0, 4, 0x10000), 1800.0, "its processor: under-voltage.", id="meanwhile"),
    ],
)
def test_a_throttled_board_comes_first(after: Board, lowest: float | None, sentence: str) -> None:
    first, *others = explained("huge_transpose", {"TRANSPOSE": 3.0}, after=after, lowest=lowest).causes
    assert first.kind == "throttling"
    assert sentence in first.sentence
    assert [cause.kind for cause in others] == ["data_movement"]


def test_what_was_throttled_before_is_no_cause() -> None:
    then = Board("Pi", 50.0, 1800.0, 4, 0x50000)
    assert find_causes((), NONE, before=then, after=then, lowest_clock_mhz=1790.0) == ()


def test_more_threads_than_cores_are_named_as_such() -> None:
    threads = (ThreadsTime(1, 1.0), ThreadsTime(2, 0.6), ThreadsTime(4, 0.61), ThreadsTime(8, 1.5))
    (cause,) = find_causes((), NONE, threads=threads, before=BOARD, after=BOARD)
    assert "8 threads take 2.5 × as long as 2: this process has 4 core(s)." in cause.sentence
    assert find_causes((), NONE, threads=threads[:3], before=BOARD, after=BOARD) == ()


def test_operators_between_the_inputs_and_outputs_of_a_delegate() -> None:
    subgraph = TfliteModel((SLOW_MODELS / "outside_xnnpack.tflite").read_bytes()).description.subgraphs[0]
    convolutions = [operator for operator in subgraph.operators if operator.name == "CONV_2D"]
    nodes = [(operator.inputs, operator.outputs) for operator in convolutions]
    assert [subgraph.operators[number].name for number in delegated_operators(subgraph, nodes)] == ["CONV_2D"] * 3
    everything = [(subgraph.inputs, subgraph.outputs)]
    assert delegated_operators(subgraph, everything) == frozenset(range(5))
    assert delegated_operators(subgraph, []) == frozenset()


def test_an_explanation_survives_json_and_is_printed() -> None:
    explanation = explained(
        "outside_xnnpack", {"HARD_SWISH": 0.9}, ("HARD_SWISH",), ((1, 2.0), (2, 1.5)), lowest=1700.0
    )
    assert Explanation.from_dict(json.loads(json.dumps(explanation.to_dict()))) == explanation
    lines = list(explanation_lines(explanation))
    assert "2.100 ms per prediction on litert 2.3.0, threads per operator: 1" in lines[0]
    assert "   0.9000  42.9 %  no       HARD_SWISH int8 tensor_4" in lines
    assert "clock: 1,800 MHz before, 1,800 after, lowest 1,700" in lines
    assert lines[-2].startswith("- HARD_SWISH")
    assert "keep-float" in lines[-1]
