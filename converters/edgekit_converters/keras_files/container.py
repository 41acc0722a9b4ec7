"""Opens a Keras file of any age, ``.h5`` or ``.keras``, going by its content and not by its name."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal
from zipfile import ZipFile

import numpy as np

from edgekit_converters.foreign_formats import refuse_foreign
from edgekit_converters.keras_files.bounded_json import MAX_BYTES, parse_object
from edgekit_converters.keras_files.hdf5 import SIGNATURE as HDF5_SIGNATURE
from edgekit_converters.keras_files.hdf5 import Group, open_hdf5
from edgekit_converters.keras_files.zip_members import open_zip, read_member
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.regular_file import NotARegularFileError, open_regular_file

ZIP_SIGNATURE = b"PK\x03\x04"

#: Weights inside a zip are kept in memory while they are read.
MAX_ZIPPED_WEIGHTS = 4 << 30

#: All vocabularies of a model together, in bytes; the largest published ones have a few megabytes.
MAX_VOCABULARIES = 64 << 20
_ASSETS = "assets/"

_VERSION = re.compile(r"\d{1,3}\.\d{1,5}[\w.+-]{0,60}")

#: Files that are passed by mistake, by their first bytes.
_FOREIGN = {
    b"version https://git-lfs": ("a Git LFS pointer, not the model itself", "run `git lfs pull`"),
    b"<!DOCTYPE": ("a web page, not a model", "download the file itself, not the page that shows it"),
    b"<html": ("a web page, not a model", "download the file itself, not the page that shows it"),
    b"{": ("JSON text", "pass the weights file, and this one as --architecture"),
}


@dataclass(slots=True)
class KerasFile:
    """An opened Keras file whose HDF5 structure has been checked; close it, or use it in a ``with`` block.

    Attributes:
        path: Path of the file.
        container: ``"hdf5"`` or ``"zip"``.
        keras_version: The version that wrote it, such as ``"2.2.4-tf"``; ``""`` if a weights-only file does not say.
        backend: The backend that wrote it; ``""`` if the file does not say, as in Keras 1.
        model_config: The model's description; None for a weights-only file.
        training_config: The compile state of an ``.h5`` file; None if there is none. It is scanned, never loaded.
        weights: The group that contains the weights.
        weights_layout: ``"layers"`` for groups named after layers with ``weight_names`` (``.h5`` models),
            ``"variables"`` for nested ``vars`` groups (``.keras`` files and Keras 3's ``.weights.h5``).
        file: The open file.
        vocabularies: The vocabularies that a ``.keras`` zip stores beside the description, by their folder below
            ``assets``.
    """

    path: Path
    container: Literal["hdf5", "zip"]
    keras_version: str
    backend: str
    model_config: dict[str, Any] | None
    training_config: dict[str, Any] | None
    weights: Group
    weights_layout: Literal["layers", "variables"]
    file: BinaryIO = field(repr=False)
    vocabularies: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def close(self) -> None:
        """Close the file; ``weights`` can no longer be read."""
        self.file.close()

    def __enter__(self) -> KerasFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_keras_file(path: str | Path) -> KerasFile:
    """Open a Keras file and read its description, without importing Keras.

    Args:
        path: An HDF5 file or a ``.keras`` zip, a whole model or weights only, with any name.
    Raises:
        ModelFileError: The file is missing, truncated, of another format, or not as Keras writes it.
        UnsafeModelError: Its container refers to files outside itself, or declares more than it stores.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a Keras file.", next_step="pass the .h5 or .keras file in it")
    try:
        file = open_regular_file(path)
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist.", next_step="check the path") from None
    except NotARegularFileError as error:
        raise ModelFileError(f"{path} is {error.strerror}, not a Keras file.") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read.", received=error.strerror or str(error)) from None
    try:
        refuse_foreign(path)
        start = file.read(64)
        file.seek(0)
        if start.startswith(HDF5_SIGNATURE):
            return _open_hdf5(file, path)
        if start.startswith(ZIP_SIGNATURE):
            return _open_zip(file, path)
        raise _foreign(path, start)
    except BaseException:
        file.close()
        raise


def _open_hdf5(file: BinaryIO, path: Path) -> KerasFile:
    hdf5 = open_hdf5(file, file.seek(0, io.SEEK_END), path.name)
    model_config = _read_json(hdf5, "model_config", path.name)
    training_config = _read_json(hdf5, "training_config", path.name)
    weights = hdf5.group("model_weights") if "model_weights" in hdf5.members else hdf5
    by_layer = "layer_names" in weights.attrs or "layer_names0" in weights.attrs
    if model_config is None and not by_layer and not _holds_variables(hdf5):
        raise ModelFileError(
            f"{path} is an HDF5 file, but not one that Keras writes.",
            expected="a model_config, or the weights of layers",
            received=", ".join(list(hdf5.members)[:10])[:300] or "an empty file",
        )
    version = _read_text(hdf5, "keras_version") or _read_text(weights, "keras_version")
    return KerasFile(
        path=path,
        container="hdf5",
        # Keras 1.0 did not store its version.
        keras_version=_checked_version(version or ("1.0" if model_config else ""), path),
        # All backends that write the layout of Keras 3 store kernels the same way, and the backend is not stored.
        backend=_read_text(hdf5, "backend") or _read_text(weights, "backend") or ("" if by_layer else "tensorflow"),
        model_config=model_config,
        training_config=training_config,
        weights=weights,
        weights_layout="layers" if by_layer or model_config is not None else "variables",
        file=file,
    )


def _open_zip(file: BinaryIO, path: Path) -> KerasFile:
    with open_zip(file, path.name) as archive:
        config = _read_json_member(archive, "config.json", path.name)
        metadata = _read_json_member(archive, "metadata.json", path.name)
        if "model.weights.h5" not in archive.namelist() and "model.weights.json" in archive.namelist():
            raise ModelFileError(
                f"{path} keeps its weights in several parts (shards).",
                next_step="load it in Keras and save it in one: model.save('model.keras')",
            )
        weights = read_member(archive, "model.weights.h5", path.name, MAX_ZIPPED_WEIGHTS)
        vocabularies = _read_vocabularies(archive, path.name)
    hdf5 = open_hdf5(io.BytesIO(weights), len(weights), f"{path.name}: model.weights.h5")
    return KerasFile(
        path=path,
        container="zip",
        keras_version=_checked_version(str(metadata.get("keras_version", "")), path),
        # All backends that write this format store kernels in the same layout.
        backend="tensorflow",
        model_config=config,
        training_config=None,
        weights=hdf5,
        weights_layout="variables",
        file=file,
        vocabularies=vocabularies,
    )


def _read_vocabularies(archive: ZipFile, name: str) -> dict[str, bytes]:
    """The members ``assets/FOLDER/vocabulary.txt`` by FOLDER."""
    found: dict[str, bytes] = {}
    for member in archive.namelist():
        # Keras 2.12 to 2.15 on Windows joined the names with backslashes.
        folders, _, file = member.replace("\\", "/").rpartition("/")
        if not folders.startswith(_ASSETS) or file != "vocabulary.txt":
            continue
        room = MAX_VOCABULARIES - sum(map(len, found.values()))
        found[folders.removeprefix(_ASSETS)] = read_member(archive, member, name, room)
    return found


def _read_json_member(archive: ZipFile, member: str, name: str) -> dict[str, Any]:
    return parse_object(read_member(archive, member, name, MAX_BYTES), f"{name}: {member}")


def _read_json(hdf5: Group, attribute: str, name: str) -> dict[str, Any] | None:
    text = _read_text(hdf5, attribute)
    return None if text is None else parse_object(text, f"{name}: {attribute}")


def _read_text(group: Group, attribute: str) -> str | None:
    """Read a string attribute; None if it is missing."""
    value = group.attrs.get(attribute)
    if isinstance(value, np.ndarray) and value.shape == (1,):
        value = value[0]
    if value is not None and not isinstance(value, str):
        raise ModelFileError(f"The attribute '{attribute}' is not a string.", received=type(value).__name__)
    return value


def _holds_variables(hdf5: Group) -> bool:
    """True for Keras 3's ``.weights.h5``, and that of Keras 2.12 to 2.15."""
    names = {name.replace("\\", "/").partition("/")[0] for name in hdf5.members}
    return bool(names & {"layers", "_layer_checkpoint_dependencies", "vars"})


def _checked_version(version: str, path: Path) -> str:
    if version and not _VERSION.fullmatch(version):
        raise ModelFileError(f"{path} names no version of Keras.", expected="such as 2.2.4", received=version[:60])
    return version


def _foreign(path: Path, start: bytes) -> ModelFileError:
    if not start:
        return ModelFileError(f"{path} is empty.", next_step="copy or download the file again")
    if start[4:8] == b"TFL3":
        return ModelFileError(f"{path} is a .tflite model already.", next_step="pass the Keras file it was made from")
    for signature, (what, next_step) in _FOREIGN.items():
        if start.startswith(signature):
            return ModelFileError(f"{path} is {what}.", next_step=next_step)
    return ModelFileError(
        f"{path} is not a model that edgekit can read.",
        expected="Keras's HDF5 (.h5) or zip (.keras), a SavedModel folder, or PyTorch's .pt2",
        received=f"a file that begins with {start[:8]!r}",
    )
