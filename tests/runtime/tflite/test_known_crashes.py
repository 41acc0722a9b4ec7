"""Models of the operator corpus that crash tflite-runtime on 32-bit ARM are refused there, and no others."""

from __future__ import annotations

import pytest

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SubgraphDescription,
    TensorDescription,
)
from edgekit_runtime.tflite.known_crashes import find_problem, refuse_known_crashes


def tensor(index: int, dtype: str, scale: float = 1.0, offset: int = 0, sizes: int = 0) -> TensorDescription:
    return TensorDescription(
        index, "", (sizes,), (sizes,), dtype, (scale,), (0,), 0, 8 * sizes, bool(sizes), False, offset
    )


@pytest.mark.parametrize(
    ("offset", "sizes", "is_32_bit", "is_refused"),
    [(12, 5, True, True), (8, 5, True, False), (12, 3, True, False), (12, 5, False, False)],
)
def test_a_shape_that_is_not_aligned_is_refused_on_32_bits(
    offset: int, sizes: int, is_32_bit: bool, is_refused: bool
) -> None:
    tensors = [tensor(0, "int8"), tensor(1, "int64", offset=offset, sizes=sizes), tensor(2, "int8")]
    operator = OperatorDescription("BROADCAST_TO", 2, "", (0, 1), (2,))
    assert ("align" in find_problem(operator, tensors, is_32_bit)) == is_refused


@pytest.mark.parametrize(
    ("name", "scale", "is_32_bit", "is_refused"),
    [
        ("RELU", 1e-43, True, True),
        ("RELU", 1e-30, True, False),
        ("MUL", 1e-43, True, False),
        ("RELU", 1e-43, False, False),
    ],
)
def test_a_scale_that_vanishes_is_refused_on_32_bits(
    name: str, scale: float, is_32_bit: bool, is_refused: bool
) -> None:
    tensors = [tensor(0, "int16"), tensor(1, "int16", scale)]
    operator = OperatorDescription(name, 2, "", (0, 0), (1,))
    assert ("treats as 0" in find_problem(operator, tensors, is_32_bit)) == is_refused


#: Inputs and output of each operator, and the number of the one that LiteRT 1.1 to 2.0 aborts on. Tensor 0 is the
#: model's input and tensor 1 its output.
DEAD_ENDS = [
    pytest.param([((0,), 1)], None, id="no-dead-end"),
    pytest.param([((0,), 1), ((0,), 2)], None, id="one-operator"),
    pytest.param([((0,), 1), ((0,), 2), ((2,), 3)], 2, id="two-in-a-row"),
    pytest.param([((0,), 2), ((2,), 3), ((0,), 1)], 1, id="two-in-a-row-at-first"),
    pytest.param([((0,), 1), ((0,), 2), ((1, 2), 3)], 2, id="reads-an-output-too"),
    pytest.param([((0,), 1), ((0,), 2), ((2,), 3), ((2,), 4)], None, id="two-that-read-the-same"),
    pytest.param([((0,), 2), ((2,), 1), ((2,), 3)], None, id="reads-what-an-output-needs"),
]


@pytest.mark.parametrize(("operators", "refused"), DEAD_ENDS)
def test_results_that_no_output_needs(operators: list[tuple[tuple[int, ...], int]], refused: int | None) -> None:
    described = tuple(OperatorDescription("NEG", 1, "", inputs, (output,)) for inputs, output in operators)
    tensors = tuple(tensor(index, "float32") for index in range(5))
    model = ModelDescription(0, "", (SubgraphDescription("", tensors, described, (0,), (1,)),), (), ())
    for version in ("1.0.1", "2.1.0", "2.3.0"):
        refuse_known_crashes("litert", version, model)
    for version in ("1.1.0", "1.4.0", "2.0.3"):
        if refused is None:
            refuse_known_crashes("litert", version, model)
            continue
        with pytest.raises(InterpreterError, match=f"aborts because of operator {refused}, a NEG"):
            refuse_known_crashes("litert", version, model)


def test_a_sum_of_a_scale_that_vanishes_ends_the_c_library() -> None:
    tensors = (tensor(0, "int16"), tensor(1, "int16", 1e-43), tensor(2, "int16"))
    operator = OperatorDescription("ADD", 2, "", (0, 1), (2,))
    model = ModelDescription(0, "", (SubgraphDescription("", tensors, (operator,), (0, 1), (2,)),), (), ())
    refuse_known_crashes("litert", "2.3.0", model)
    with pytest.raises(InterpreterError, match=r"tflite-c 2\.17\.1 crashes in operator 0, a ADD"):
        refuse_known_crashes("tflite-c", "2.17.1", model)


def test_weights_that_the_c_library_does_not_find() -> None:
    model = ModelDescription(0, "", (SubgraphDescription("", (), (), (), ()),), (), (), weights_behind=True)
    refuse_known_crashes("tflite-runtime", "2.14.0", model)
    with pytest.raises(InterpreterError, match="behind the FlatBuffer"):
        refuse_known_crashes("tflite-c", "2.17.1", model)
