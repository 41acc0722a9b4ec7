"""Operators and tensors made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit_converters.targets.operands import Operands
from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription


def tensor(
    dtype: str, shape: Sequence[int] = (1, 4), scales: Sequence[float] = (), *, signature: Sequence[int] = ()
) -> TensorDescription:
    return TensorDescription(
        index=0,
        name=f"a {dtype} tensor",
        shape=tuple(shape),
        shape_signature=tuple(signature or shape),
        dtype=dtype,
        scales=tuple(scales),
        zero_points=(0,) * len(scales),
        quantized_dimension=0,
        size_bytes=0,
        is_constant=False,
        is_variable=False,
    )


def operands(
    name: str,
    inputs: Sequence[TensorDescription | None],
    outputs: Sequence[TensorDescription],
    *,
    version: int = 1,
    options: Sequence[str] = (),
) -> Operands:
    operator = OperatorDescription(name, version, "", tuple(range(len(inputs))), tuple(range(len(outputs))))
    return Operands(0, 0, operator, tuple(inputs), tuple(outputs), frozenset(options))
