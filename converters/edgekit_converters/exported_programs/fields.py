"""Checks for the parts of a program's description: each returns the value that PyTorch may read, or raises an error.

The checks rebuild the description from known parts, so that a field that nothing has checked never reaches PyTorch.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from edgekit_converters.exported_programs.symbolic_sizes import degree_of

Check = Callable[[Any], Any]

#: PyTorch turns names into Python source.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_PATH = re.compile(r"[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,100}){0,50}")
_VERSION = re.compile(r"[<>=]{0,2}[0-9][A-Za-z0-9.+-]{0,60}")
_LARGEST_INTEGER = 2**63
_MAX_STRING = 1000
#: PyTorch's number of the layout of a tensor that is neither sparse nor owned by another library.
_STRIDED = 7
_CPU = {"type": "cpu", "index": None}


class FieldError(ValueError):
    """A part of the description differs from what PyTorch writes."""


def name(value: Any) -> str:
    """Check a name, which must be a Python identifier."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value.startswith("__") or keyword.iskeyword(value):
        raise FieldError(f"the name {str(value)[:80]!r}")
    return value


def dotted_path(value: Any) -> str:
    """Check the name of a weight within its model, such as ``layers.0.weight``."""
    if not isinstance(value, str) or not _PATH.fullmatch(value) or any(x.startswith("__") for x in value.split(".")):
        raise FieldError(f"the weight's name {str(value)[:80]!r}")
    return value


def integer(value: Any) -> int:
    """Check a 64-bit integer."""
    if type(value) is not int or abs(value) > _LARGEST_INTEGER:
        raise FieldError(f"{str(value)[:80]!r} for a whole number")
    return value


def boolean(value: Any) -> bool:
    """Check a boolean."""
    if type(value) is not bool:
        raise FieldError(f"{str(value)[:80]!r} for true or false")
    return value


def number(value: Any) -> float | str:
    """Check a real number; PyTorch writes infinity and NaN as words."""
    if value in ("Infinity", "-Infinity", "NaN"):
        return str(value)
    if type(value) not in (int, float) or not math.isfinite(value):
        raise FieldError(f"{str(value)[:80]!r} for a number")
    return float(value)


def string(value: Any) -> str:
    """Check a short string, such as the mode ``tanh``."""
    if not isinstance(value, str) or len(value) > _MAX_STRING:
        raise FieldError(f"{str(value)[:80]!r} for a string")
    return value


def version(value: Any) -> str:
    """Check a version such as ``2.13.0+cpu``."""
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise FieldError(f"the version {str(value)[:80]!r}")
    return value


def nothing(value: Any) -> bool:
    """Check the boolean that PyTorch writes for None."""
    return boolean(value)


def device(value: Any) -> dict[str, Any]:
    """Replace any device by the CPU, so that a program that was exported on a GPU can be converted as well."""
    if not isinstance(value, dict) or set(value) != {"type", "index"}:
        raise FieldError(f"{str(value)[:80]!r} for a device")
    return dict(_CPU)


def layout(value: Any) -> int:
    """Check that a tensor's layout is plain (strided)."""
    if value != _STRIDED:
        raise FieldError(f"a tensor of layout {str(value)[:20]}")
    return _STRIDED


def expression(value: Any) -> str:
    """Check a size given as an expression, see :mod:`~edgekit_converters.exported_programs.symbolic_sizes`."""
    try:
        degree_of(string(value))
    except ValueError as error:
        raise FieldError(str(error)) from None
    return str(value)


def many(check: Check) -> Check:
    """Make a check for a list that checks each element."""

    def checked(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise FieldError(f"a {type(value).__name__} for a list")
        return [check(element) for element in value]

    return checked


def optional(check: Check) -> Check:
    """Make a check for a value or null."""
    return lambda value: None if value is None else check(value)


def named(keys: Check, values: Check) -> Check:
    """Make a check for an object whose keys are names chosen by the program."""

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise FieldError(f"a {type(value).__name__} for an object")
        return {keys(key): values(inner) for key, inner in value.items()}

    return checked


def record(fields: Mapping[str, Check], ignored: tuple[str, ...] = ()) -> Check:
    """Make a check for an object with exactly these fields; those in ``ignored`` are left out of the result."""

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise FieldError(f"a {type(value).__name__} for an object")
        unknown = set(value) - set(fields) - set(ignored)
        missing = set(fields) - set(value)
        if unknown or missing:
            raise FieldError(f"{'the field' if unknown else 'no field'} {sorted(unknown or missing)[0][:80]!r}")
        return {key: check(value[key]) for key, check in fields.items()}

    return checked


def one_of(kinds: Mapping[str, Check]) -> Check:
    """Make a check for an object with one field, whose name is the kind of its value."""

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) != 1:
            raise FieldError(f"{str(value)[:80]!r} for one value")
        ((kind, inner),) = value.items()
        if kind not in kinds:
            raise FieldError(f"a value of the kind {kind[:80]!r}")
        return {kind: kinds[kind](inner)}

    return checked


_hint = optional(one_of({"as_int": integer, "as_bool": boolean, "as_float": number}))


def _expression_record(value: Any) -> dict[str, Any]:
    return record({"expr_str": expression, "hint": _hint})(value if "hint" in value else value | {"hint": None})


size = one_of({"as_expr": _expression_record, "as_int": integer})
symbolic_number = one_of({"as_expr": _expression_record, "as_float": number})
condition = one_of({"as_expr": _expression_record, "as_bool": boolean})
tensor_meta = record(
    {
        "dtype": integer,
        "sizes": many(size),
        "requires_grad": boolean,
        "device": device,
        "strides": many(size),
        "storage_offset": size,
        "layout": layout,
    }
)
tensor_name = record({"name": name})
_optional_tensor = one_of({"as_tensor": tensor_name, "as_none": nothing})
_size_argument = one_of({"as_name": name, "as_int": integer})
_number_argument = one_of({"as_name": name, "as_float": number})
_condition_argument = one_of({"as_name": name, "as_bool": boolean})
#: Every kind of argument except those that name code: graphs, operators, custom objects.
argument = one_of(
    {
        "as_none": nothing,
        "as_tensor": tensor_name,
        "as_tensors": many(tensor_name),
        "as_optional_tensor": _optional_tensor,
        "as_optional_tensors": many(_optional_tensor),
        "as_nested_tensors": many(many(tensor_name)),
        "as_int": integer,
        "as_ints": many(integer),
        "as_int_lists": many(many(integer)),
        "as_float": number,
        "as_floats": many(number),
        "as_float_lists": many(many(number)),
        "as_bool": boolean,
        "as_bools": many(boolean),
        "as_string": string,
        "as_strings": many(string),
        "as_sym_int": _size_argument,
        "as_sym_ints": many(_size_argument),
        "as_sym_float": _number_argument,
        "as_sym_floats": many(_number_argument),
        "as_sym_bool": _condition_argument,
        "as_sym_bools": many(_condition_argument),
        "as_scalar_type": integer,
        "as_memory_format": integer,
        "as_layout": layout,
        "as_device": device,
        "as_complex": record({"real": number, "imag": number}),
    }
)
constant = one_of({"as_none": nothing, "as_int": integer, "as_float": number, "as_string": string, "as_bool": boolean})
