"""Types of the fields that baseline and history hold, and a sentence on a field of another type."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

_LONGEST_VALUE = 80
#: What pydantic's kinds of mistakes expect, in the words of JSON and TOML.
_EXPECTED = {
    "string_type": "a text in quotes",
    "string_unicode": "a text in quotes",
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

#: A number of samples or bytes; far beyond what any computer has.
Count = Annotated[int, Field(ge=0, le=2**53)]
PositiveCount = Annotated[int, Field(gt=0, le=2**53)]
#: A share or an accuracy.
Fraction = Annotated[float, Field(ge=0, le=1)]
#: An error, a ratio or milliseconds; far beyond what is measured, and still a number that can be drawn.
Measure = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
PositiveMeasure = Annotated[float, Field(gt=0, le=1e12, allow_inf_nan=False)]


def stored_as_section(values: Any) -> GetPydanticSchema:
    """For a field of sorted pairs that the file holds as a section of keys.

    Args:
        values: Type of the section's values.
    """
    return GetPydanticSchema(
        lambda _source, handler: core_schema.no_info_after_validator_function(
            lambda section: tuple(sorted(section.items())), handler(dict[str, values])
        )
    )


def explain_mistake(error: ValidationError) -> tuple[str, str, str]:
    """The first mistake that pydantic found: the dotted key, what is expected there, and what came."""
    mistake = error.errors(include_url=False)[0]
    key = ".".join(map(str, mistake["loc"]))
    kind = mistake["type"]
    if kind == "json_invalid":
        return key, "JSON", mistake["msg"].removeprefix("Invalid JSON: ")
    expected = _EXPECTED.get(kind) or mistake["msg"].removeprefix("Value error, ")
    is_whole = kind == "missing" or isinstance(mistake.get("input"), dict)
    return key, expected, "" if is_whole else shown(mistake.get("input"))


def shown(value: object) -> str:
    """A value as the file has it, shortened."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, (list, dict)):
        text = "a list" if isinstance(value, list) else "a section of keys"
    else:
        text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
