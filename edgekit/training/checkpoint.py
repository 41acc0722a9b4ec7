"""Saves the state of a training after an epoch as plain arrays and JSON, which cannot contain code."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.training.options import TrainingOptions
from edgekit_converters.atomic_files import replacing
from edgekit_runtime.errors import DataError, UsageError

History = dict[str, list[float]]


@dataclass(slots=True)
class TrainingState:
    """State that a training needs in order to continue.

    Attributes:
        weights: Arrays of the model, in Keras's order.
        optimizer: Arrays of the optimizer, in Keras's order.
        history: One value per epoch for each curve.
        best: With early stopping, the weights of the best epoch so far; otherwise empty.
    """

    weights: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)
    history: History = field(default_factory=dict)
    best: list[np.ndarray] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """Number of completed epochs."""
        return len(self.history.get("loss", []))


def save_checkpoint(path: Path, state: TrainingState, options: TrainingOptions, data_digest: str) -> None:
    """Write the state with the options and the data digest that it may be resumed with."""
    facts = {"options": options.to_dict(), "data": data_digest, "history": state.history}
    arrays: dict[str, Any] = {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)}
    for group in ("weights", "optimizer", "best"):
        arrays |= {f"{group}{number}": array for number, array in enumerate(getattr(state, group))}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def load_checkpoint(path: Path, options: TrainingOptions, data_digest: str) -> TrainingState:
    """Read the state of a checkpoint.

    Raises:
        UsageError: The checkpoint was written with other options or other data.
        DataError: The checkpoint does not exist or is damaged.
    """
    if not path.is_file():
        raise DataError(
            f"There is nothing to resume in {path.parent}.",
            expected=path.name,
            received="no such file",
            next_step="train without --resume first, or name the folder with --output",
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            groups = {group: _group(arrays, group) for group in ("weights", "optimizer", "best")}
            state = TrainingState(history=dict(facts["history"]), **groups)
            given = facts["options"]
            same_data = facts["data"] == data_digest
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is damaged.", received=str(error), next_step="delete it and train from the start"
        ) from error
    _require_same(given, options, same_data)
    return state


def _group(arrays: Any, group: str) -> list[np.ndarray]:
    count = sum(name.startswith(group) for name in arrays.files)
    return [arrays[f"{group}{number}"] for number in range(count)]


def _require_same(given: dict[str, Any], options: TrainingOptions, same_data: bool) -> None:
    # Only the number of epochs may change; any other change would give a training that no seed reproduces.
    asked = options.to_dict()
    changed = [name for name in asked if name != "epochs" and asked[name] != given.get(name)]
    if changed or not same_data:
        raise UsageError(
            "The training in this folder was started differently.",
            expected=", ".join(f"{name} {given.get(name)}" for name in changed) or "the same data",
            received=", ".join(f"{name} {asked[name]}" for name in changed) or "other data",
            next_step="repeat the first options with --resume, or train anew in another folder",
        )
