"""Models of the operator corpus that crash tflite-runtime on 32-bit ARM are refused there, and no others."""

from __future__ import annotations

import pytest

from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.known_crashes import find_problem


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
