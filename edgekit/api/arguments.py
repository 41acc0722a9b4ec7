"""Checks the arguments of Python callers; each error names the expected value, the received one and the next step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from edgekit_runtime.errors import ArgumentTypeError, UsageError
from edgekit_runtime.task import INPUT_KINDS, OUTPUT_KINDS, TASKS, UNNAMED, USER, Claim

if TYPE_CHECKING:
    from edgekit.artifacts.box_heads import BoxOptions
    from edgekit.datasets.sound_options import SoundOptions

Value = TypeVar("Value")
PathLike = str | os.PathLike[str]
#: Real values of pixels 0 and 255, for the only image or by input name.
PixelRanges = tuple[float, float] | Mapping[str, tuple[float, float]]
#: A kind for the only input or all outputs, or kinds by name.
Kinds = str | Mapping[str, str]


def type_name(value: object) -> str:
    """The name of a value's type, for messages."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def as_path(value: object, name: str, *, next_step: str = "") -> Path:
    """A path passed as text or as a ``Path``.

    Args:
        value: Value of the argument.
        name: Name of the argument.
        next_step: Advice for a value of another type.
    Raises:
        ArgumentTypeError: The value is neither text nor a path.
        UsageError: The value is empty.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise ArgumentTypeError(
            f"{name} is not a path.",
            expected="text or a pathlib.Path",
            received=type_name(value),
            next_step=next_step or f'pass {name}="path/to/file"',
        )
    if not value:
        raise UsageError(f"{name} is empty.", expected="a path", received="an empty text")
    return Path(value)


def as_optional_path(value: object, name: str) -> Path | None:
    """:func:`as_path`, or None for None."""
    return None if value is None else as_path(value, name)


def as_texts(value: object, name: str) -> tuple[str, ...]:
    """Texts passed as a sequence or as a single text.

    Raises:
        ArgumentTypeError: The value is neither.
    """
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise ArgumentTypeError(f"{name} has the wrong type.", expected="texts in a list", received=_described(value))
    return tuple(value)


def as_choice(value: object, name: str, choices: Iterable[str]) -> str:
    """A text that must be one of the choices.

    Raises:
        ArgumentTypeError: The value is not a text.
        UsageError: The value is not one of the choices.
    """
    known = list(choices)
    if not isinstance(value, str):
        raise ArgumentTypeError(f"{name} is not a text.", expected=", ".join(known), received=type_name(value))
    # Members of an Enum of texts are texts too, but are shown as Mode.INT8.
    text = str(getattr(value, "value", value))
    if text not in known:
        from difflib import get_close_matches

        close = get_close_matches(text, known, n=1)
        raise UsageError(
            f"{name} has an unknown value.",
            expected=", ".join(known),
            received=repr(text),
            next_step=f"did you mean {close[0]!r}?" if close else "",
        )
    return text


def as_optional_choice(value: object, name: str, choices: Iterable[str]) -> str | None:
    """:func:`as_choice`, or None for None."""
    return None if value is None else as_choice(value, name, choices)


def as_count(value: object, name: str, *, lowest: int = 1, highest: int | None = None) -> int:
    """An integer within bounds.

    Raises:
        ArgumentTypeError: The value is not an integer.
        UsageError: The value is out of bounds.
    """
    expected = f"a whole number from {lowest}" + ("" if highest is None else f" to {highest}")
    # NumPy's integers are accepted; True and False are not.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(f"{name} is not a whole number.", expected=expected, received=_described(value))
    number = int(value)
    if number < lowest or (highest is not None and number > highest):
        raise UsageError(f"{name} is out of bounds.", expected=expected, received=str(number))
    return int(number)


def as_flag(value: object, name: str) -> bool:
    """True or False.

    Raises:
        ArgumentTypeError: The value is anything else.
    """
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"{name} is not True or False.", expected="True or False", received=_described(value))
    return value


def as_optional_text(value: object, name: str) -> str | None:
    """A text, or None for None.

    Raises:
        ArgumentTypeError: The value is anything else.
    """
    if value is not None and not isinstance(value, str):
        raise ArgumentTypeError(f"{name} is not a text.", expected="a text", received=_described(value))
    return value


def as_column(value: object, name: str = "label_column") -> str | None:
    """The heading or number of a table column, as text; None for None.

    Raises:
        ArgumentTypeError: The value is neither.
    """
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else as_optional_text(value, name)


def as_optional_fraction(value: object, name: str, *, highest: float = 1.0) -> float | None:
    """A number from 0 to ``highest``, or None for None.

    Raises:
        ArgumentTypeError: The value is not a number.
        UsageError: The value is out of bounds or NaN.
    """
    if value is None:
        return None
    expected = "a number of at least 0" if highest == float("inf") else f"a number from 0 to {highest:g}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{name} is not a number.", expected=expected, received=_described(value))
    number = float(value)
    if not 0 <= number <= highest:
        raise UsageError(f"{name} is out of bounds.", expected=expected, received=f"{value}")
    return number


def by_name(value: Mapping[str, Value] | Value | None) -> dict[str, Value]:
    """Values by input or output name; a single value belongs to the only input or output and is under ""."""
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"": value}


def pixel_ranges(value: Any, name: str = "pixel_range") -> dict[str, tuple[float, float]]:
    """Pairs of numbers by input name.

    Raises:
        ArgumentTypeError: A pair does not consist of two numbers.
        UsageError: The first number of a pair is not below the second.
    """
    ranges = {}
    for key, pair in by_name(value).items():
        low, high = as_numbers(pair, name, count=2)
        if not low < high:
            raise UsageError(f"{name} is not a range.", expected="MIN below MAX", received=f"({low:g}, {high:g})")
        ranges[key] = (low, high)
    return ranges


def user_claim(task: Any, *, input_kind: Any, output_kind: Any) -> Claim:
    """The user's declaration of the kinds of a model's inputs and outputs.

    Args:
        task: Task of the model, one of ``TASKS``, or None.
        input_kind: Kind by input name, or a single kind for the only input; None declares nothing.
        output_kind: Kind by output name, or a single kind for all outputs; None declares nothing.
    Raises:
        UsageError: A kind or the task does not exist.
    """
    common = {} if task is None else {UNNAMED: TASKS[as_choice(task, "task", TASKS)]}
    inputs, outputs = (
        {key: as_choice(kind, name, known) for key, kind in by_name(value).items()}
        for name, value, known in (
            ("input_kind", input_kind, INPUT_KINDS),
            ("output_kind", output_kind, OUTPUT_KINDS),
        )
    )
    return Claim(USER, inputs, common | outputs)


def box_head(boxes: Any, parameters: Any, anchors: Any) -> BoxOptions:
    """The user's declaration of a detector's head.

    Args:
        boxes: Name of the head layout, or None.
        parameters: Parameters by name, or None.
        anchors: Anchor table, (N, 4), or the path of its file; None if there is none.
    Raises:
        ArgumentTypeError: A value has the wrong type.
        UsageError: The layout or a parameter is unknown or missing, or the anchor table is missing or not needed.
    """
    import numpy as np

    from edgekit.artifacts.box_heads import BoxOptions, read_anchor_file
    from edgekit_runtime.boxes.decoding import checked_anchors
    from edgekit_runtime.boxes.layouts import LAYOUTS

    layout = as_optional_choice(boxes, "boxes", LAYOUTS)
    if parameters is not None and not isinstance(parameters, Mapping):
        raise ArgumentTypeError(
            "box_parameters has the wrong type.", expected="values by name", received=type_name(parameters)
        )
    table: np.ndarray | None
    if isinstance(anchors, np.ndarray):
        table = checked_anchors(anchors)
    else:
        path = as_optional_path(anchors, "anchors")
        table = None if path is None else read_anchor_file(path)
    options = BoxOptions(layout, dict(parameters or {}), table)
    options.require_consistent()
    return options


def sound_input(front_end: Any, sample_rate: Any) -> SoundOptions:
    """The user's declaration of how recordings become the model's input.

    Args:
        front_end: Name of a preset, path of a JSON file, or fields by name; None for a model of waveforms.
        sample_rate: Sample rate in Hz, or None.
    Raises:
        ArgumentTypeError: A value has the wrong type.
        UsageError: A field is unknown, missing or invalid.
        DataError: The file is missing or damaged.
    """
    from edgekit.datasets.sound_options import read_sound_options

    if front_end is not None and not isinstance(front_end, Mapping):
        front_end = os.fspath(as_path(front_end, "front_end"))
    rate = None if sample_rate is None else as_count(sample_rate, "sample_rate")
    return read_sound_options(front_end, rate)


def as_numbers(value: Any, name: str, *, count: int | None = None) -> tuple[float, ...]:
    """Finite numbers passed as a sequence or as a single number.

    Raises:
        ArgumentTypeError: A value is not a number, or the number of values differs from ``count``.
        UsageError: A number is NaN or infinite.
    """
    import math

    expected = "two numbers such as (0, 1)" if count == 2 else "a number, or one for each channel"
    numbers = (value,) if isinstance(value, Real) else value
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        raise ArgumentTypeError(f"{name} has the wrong type.", expected=expected, received=_described(value))
    numbers = tuple(numbers)
    if not all(isinstance(each, Real) for each in numbers) or (count is not None and len(numbers) != count):
        raise ArgumentTypeError(f"{name} has the wrong type.", expected=expected, received=_described(value))
    if not all(math.isfinite(each) for each in numbers):
        raise UsageError(f"{name} has numbers that are not finite.", expected=expected, received=_described(value))
    return tuple(float(each) for each in numbers)


def as_optional_numbers(value: Any, name: str) -> tuple[float, ...] | None:
    """:func:`as_numbers`, or None for None."""
    return None if value is None else as_numbers(value, name)


def _described(value: object) -> str:
    text = repr(value)
    return f"{type_name(value)} {text}" if len(text) <= 80 else type_name(value)
