"""The operators that an exported program may use: those that compute tensors from tensors and numbers.

``torch.ops.aten`` also contains operators that read and write files (``from_file``, ``save``), so belonging to it is
not sufficient. Also excluded are operators for one device, for sparse and quantized tensors, and for gradients.
"""

from __future__ import annotations

import re
from pathlib import Path

_NAMES = frozenset((Path(__file__).parent / "aten_operators.txt").read_text().split())
_ATEN = re.compile(r"torch\.ops\.aten\.(\w+)\.\w+", re.ASCII)
#: Operators on sizes. ``GET_ITEM`` selects a part of what an operator returned.
SCALAR_OPERATORS = frozenset(
    [f"_operator.{name}" for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "and_", "or_", "not_")]
    + [f"_operator.{name}" for name in ("eq", "ne", "lt", "le", "gt", "ge")]
    + [f"math.{name}" for name in ("ceil", "floor", "trunc")]
    + [f"torch.sym_{name}" for name in ("float", "int", "max", "min", "not", "ite", "sum")]
)
GET_ITEM = "_operator.getitem"


def is_computing(target: str) -> bool:
    """Whether the target of a node is an operator that only computes."""
    if target in SCALAR_OPERATORS or target == GET_ITEM:
        return True
    match = _ATEN.fullmatch(target)
    # A trailing underscore marks the variant that changes its first tensor in place.
    return match is not None and (match[1] in _NAMES or match[1].removesuffix("_") in _NAMES)


def short_name(target: str) -> str:
    """Shorten ``torch.ops.aten.conv2d.default`` to ``conv2d``; other targets stay as they are."""
    match = _ATEN.fullmatch(target)
    return match[1] if match else target
