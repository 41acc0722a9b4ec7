"""Field types of baseline and history files, and the message for a field of the wrong type."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

_LONGEST_VALUE = 80
#: What a pydantic error type expects, in the terms of JSON and TOML.
_EXPECTED = {
    "string_type": "a quoted string",
    "string_unicode": "a quoted string",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "dataclass_type": "a section of keys",
    "finite_number": "a finite number",
    "missing": "this key",
}

#: A number of examples or bytes; the limit is far beyond any real value.
Count = Annotated[int, Field(ge=0, le=2**53)]
PositiveCount = Annotated[int, Field(gt=0, le=2**53)]
#: A share or an accuracy, from 0 to 1.
Fraction = Annotated[float, Field(ge=0, le=1)]
#: An error, a ratio or milliseconds; the limit is far beyond any real value, but can still be drawn in a chart.
Measure = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
PositiveMeasure = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]


def stored_as_section(values: Any) -> GetPydanticSchema:
    """Describe a field of sorted pairs that the file stores as a section of keys.

    Args:
        values: Type of the section's values.
    """
    return GetPydanticSchema(
        lambda _source, handler: core_schema.no_info_after_validator_function(
            lambda section: tuple(sorted(section.items())), handler(dict[str, values])
        )
    )


def explain_mistake(error: ValidationError) -> tuple[str, str, str]:
    """The first mistake that pydantic found: dotted key, expected value and received value."""
    mistake = error.errors(include_url=False)[0]
    key = ".".join(map(str, mistake["loc"]))
    kind = mistake["type"]
    if kind == "json_invalid":
        return key, "JSON", mistake["msg"].removeprefix("Invalid JSON: ")
    expected = _EXPECTED.get(kind) or mistake["msg"].removeprefix("Value error, ")
    is_whole = kind == "missing" or isinstance(mistake.get("input"), dict)
    return key, expected, "" if is_whole else shown(mistake.get("input"))


def shown(value: object) -> str:
    """A value as the file spells it, shortened."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, (list, dict)):
        text = "a list" if isinstance(value, list) else "a section of keys"
    else:
        text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
