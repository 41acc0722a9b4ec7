"""Accepts a model from a Python caller: a path, or a Keras model in memory."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from edgekit.api.arguments import as_path, type_name
from edgekit_runtime.errors import ArgumentTypeError, ConversionError

#: Packages whose ``Model`` has a ``save`` that writes .keras files.
_KERAS_PACKAGES = ("keras", "tf_keras")
#: Date in a .keras file instead of the time of saving, so that equal models give equal files.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


@runtime_checkable
class KerasModel(Protocol):
    """A ``keras.Model``; edgekit calls only its ``save`` method."""

    name: str

    def save(self, filepath: str) -> None:
        """Write the model to a .keras file."""


#: Types that functions accept as a model.
ModelSource = str | os.PathLike[str] | KerasModel


def is_keras_model(value: object) -> bool:
    """Whether a value is a Keras model, without importing Keras."""
    return any(
        kind.__name__ == "Model" and kind.__module__.partition(".")[0] in _KERAS_PACKAGES
        for kind in type(value).__mro__
    )


@contextmanager
def model_file(model: Any, name: str = "model") -> Iterator[Path]:
    """Yield the file of a model; a model in memory is saved to a temporary file, which is removed afterwards.

    Args:
        model: A path, or a Keras model.
        name: Name of the argument.
    Raises:
        ArgumentTypeError: The value is neither.
        ConversionError: Keras could not save the model.
    """
    if not is_keras_model(model):
        yield _path(model, name)
        return
    from edgekit_converters.temporary_folders import temporary_folder

    with temporary_folder("model") as folder:
        path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', str(model.name))[:100]}.keras"
        try:
            model.save(str(path))
        except Exception as error:
            raise ConversionError(
                f"Keras could not save {name}.",
                expected="a model that its own save method can write to a .keras file",
                received=f"{type(error).__name__}: {error}",
                next_step="build the model (call it once), or save it yourself and pass the path",
            ) from error
        _remove_dates(path)
        yield path


def _path(model: object, name: str) -> Path:
    if isinstance(model, (str, os.PathLike)):
        return as_path(model, name)
    is_torch = any(kind.__module__.partition(".")[0] == "torch" for kind in type(model).__mro__)
    raise ArgumentTypeError(
        f"{name} is not a model.",
        expected="a path, as text or pathlib.Path, or a keras.Model",
        received=type_name(model),
        next_step="torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2'), and pass that path"
        if is_torch
        else "save the model to a file and pass its path",
    )


def _remove_dates(path: Path) -> None:
    """Rewrite a .keras file without the time of saving, so that the same model gives the same bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    if "metadata.json" in members:
        members["metadata.json"] = re.sub(rb'"date_saved": *"[^"]*"', b'"date_saved": ""', members["metadata.json"])
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member, _NO_DATE), content)
