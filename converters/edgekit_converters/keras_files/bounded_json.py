"""Parses JSON from an untrusted file, with limits on size, depth and length."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from edgekit_runtime.errors import ModelFileError

#: The largest description of Keras's own models takes about 1 MB; hostile JSON grows up to fiftyfold when parsed.
MAX_BYTES = 8 << 20
#: A model nested in a model in a wrapper adds about ten levels.
MAX_DEPTH = 100
MAX_STRING = 1 << 20
#: Vocabularies need the most values; the largest of Keras's own models has 60,000.
MAX_VALUES = 500_000
#: A uint64 has twenty digits.
MAX_DIGITS = 24


def parse_object(
    text: str | bytes,
    place: str,
    *,
    max_bytes: int = MAX_BYTES,
    max_values: int = MAX_VALUES,
) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        text: The JSON; bytes are UTF-8.
        place: Name of the source in messages, such as ``"model.h5: model_config"``.
        max_bytes: Largest length of the text.
        max_values: Largest number of values in it.
    Returns:
        The object. Numbers are int or float; ``NaN`` and ``Infinity``, which Keras writes too, are floats.
    Raises:
        ModelFileError: The text is not a JSON object, repeats a key, or exceeds a limit.
    """
    if len(text) > max_bytes:
        raise _refused(place, f"at most {max_bytes} bytes", f"{len(text)} bytes")

    def whole_number(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise _refused(place, f"numbers of at most {MAX_DIGITS} digits", f"one of {len(digits)} digits")
        return int(digits)

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        parsed = dict(pairs)
        if len(parsed) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise _refused(place, "every key once", f"{twice[:80]!r} twice in one object")
        return parsed

    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        parsed = json.loads(decoded, parse_int=whole_number, object_pairs_hook=unique_keys)
    except RecursionError:
        raise _refused(place, f"at most {MAX_DEPTH} levels", "brackets nested much deeper") from None
    except ValueError as error:
        raise _refused(place, "JSON in UTF-8", str(error)[:200]) from None
    if not isinstance(parsed, dict):
        raise _refused(place, "a JSON object", f"a {type(parsed).__name__}")
    require_bounded_values(parsed, place, max_values)
    return parsed


def require_bounded_values(parsed: Any, place: str, max_values: int = MAX_VALUES) -> None:
    """Reject values that are too many or too deeply nested; a shared object counts once for each of its positions.

    Args:
        parsed: Result of parsing JSON or YAML.
        place: Name of the source in messages.
        max_values: Largest number of values in it.
    Raises:
        ModelFileError: A limit is exceeded.
    """
    level, depth, amount = [parsed], 0, 1
    while level:
        if depth > MAX_DEPTH:
            raise _refused(place, f"at most {MAX_DEPTH} levels", "brackets nested deeper")
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value.keys()
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                _check_string(value, place)
            if amount + len(below) > max_values:
                raise _refused(place, f"at most {max_values} values", "more")
        level, depth, amount = below, depth + 1, amount + len(below)


def _check_string(value: str, place: str) -> None:
    if len(value) > MAX_STRING:
        raise _refused(place, f"strings of at most {MAX_STRING} characters", f"one of {len(value)}")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise _refused(place, "JSON in UTF-8", "half of a surrogate pair")


def _refused(place: str, expected: str, received: str) -> ModelFileError:
    return ModelFileError(f"{place} is not the description of a model.", expected=expected, received=received)
