"""Messages for configuration mistakes: file, key, and the key that was probably meant."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from edgekit.regression.baseline.fields import explain_mistake
from edgekit_runtime.errors import UsageError


def explain(error: ValidationError, path: Path, section: str, model: type[BaseModel]) -> UsageError:
    """Turn the first mistake that pydantic found into an edgekit error.

    Args:
        error: What pydantic found.
        path: The configuration file.
        section: Dotted key of the checked part; empty for the whole file.
        model: The class that was checked.
    """
    mistake = error.errors()[0]
    keys = [str(part) for part in mistake["loc"]]
    place = ".".join([part for part in (section,) if part] + keys[:-1])
    key = ".".join(filter(None, (place, keys[-1] if keys else "")))
    more = f" ({error.error_count() - 1} more after it)" if error.error_count() > 1 else ""
    kind = mistake["type"]
    if kind == "extra_forbidden":
        known = _known_keys(model, keys[:-1])
        nearest = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
        return UsageError(
            f"{path}: [{place or 'top'}] has an unknown key{more}.",
            expected=", ".join(known),
            received=keys[-1],
            next_step=f"did you mean {nearest[0]}?" if nearest else "remove it, or see edgekit check --help",
        )
    if kind == "missing":
        return UsageError(f"{path}: {key} is missing{more}.", next_step=f"add it to [{place or 'the file'}]")
    _, expected, received = explain_mistake(error)
    return UsageError(f"{path}: {key or 'the file'} has a wrong value{more}.", expected=expected, received=received)


def _known_keys(model: type[BaseModel], keys: list[str]) -> list[str]:
    """The field names of the class at ``keys``."""
    for key in keys:
        field = model.model_fields.get(key)
        if field is not None:
            nested = next((kind for kind in get_args(field.annotation) if _is_model(kind)), None)
            model = nested or model
    return list(model.model_fields)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
