"""Opens a Keras file of any age, ``.h5`` or ``.keras``, by what it holds and not by its name."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import h5py

from edgekit_converters.keras_files.bounded_json import MAX_BYTES, parse_object
from edgekit_converters.keras_files.hdf5_attributes import read_text
from edgekit_converters.keras_files.hdf5_structure import check_structure
from edgekit_converters.keras_files.zip_members import open_zip, read_member
from edgekit_runtime.errors import EdgekitError, ModelFileError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"

#: Weights inside a zip are held in memory while they are read.
MAX_ZIPPED_WEIGHTS = 4 << 30

_VERSION = re.compile(r"\d{1,3}\.\d{1,5}[\w.+-]{0,60}")

#: What people pass by mistake, by its first bytes.
_FOREIGN = {
    b"version https://git-lfs": ("a Git LFS pointer, not the model itself", "run `git lfs pull`"),
    b"<!DOCTYPE": ("a web page, not a model", "download the file itself, not the page that shows it"),
    b"<html": ("a web page, not a model", "download the file itself, not the page that shows it"),
    b"\x80": ("a Python pickle", "load it in Python where it was made, and save the model as .keras"),
    b"{": ("JSON text", "pass the weights file, and this one as --architecture"),
}


@dataclass(slots=True)
class KerasFile:
    """An opened Keras file whose HDF5 structure has been checked; close it, or use it in a ``with`` block.

    Attributes:
        path: Where the file is.
        container: ``"hdf5"`` or ``"zip"``.
        keras_version: The version that wrote it, such as ``"2.2.4-tf"``. A file of weights only may not say: ``""``.
        backend: The backend that wrote it; ``""`` where the file doesn't say, as in Keras 1.
        model_config: The model's description; None for a file of weights only.
        training_config: The compile state of an ``.h5`` file; None where there is none. It is scanned, never loaded.
        weights: The group that holds the weights. Read its arrays inside ``reading(keras_file)``.
        weights_layout: ``"layers"`` for groups named after layers with ``weight_names`` (``.h5`` models),
            ``"variables"`` for nested ``vars`` groups (``.keras`` files and Keras 3's ``.weights.h5``).
        closing: The open files behind ``weights``.
    """

    path: Path
    container: Literal["hdf5", "zip"]
    keras_version: str
    backend: str
    model_config: dict[str, Any] | None
    training_config: dict[str, Any] | None
    weights: h5py.Group
    weights_layout: Literal["layers", "variables"]
    closing: tuple[h5py.File | BinaryIO, ...] = field(default=(), repr=False)

    def close(self) -> None:
        """Close the file; ``weights`` can no longer be read."""
        for file in self.closing:
            file.close()

    def __enter__(self) -> KerasFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_keras_file(path: str | Path) -> KerasFile:
    """Open a Keras file and read its description, without Keras.

    Args:
        path: An HDF5 file or a ``.keras`` zip, whole or weights only, under any name.
    Raises:
        ModelFileError: The file is missing, truncated, foreign, or not what Keras writes.
        UnsafeModelError: Its container reaches outside itself or declares more than it stores.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder, not a Keras file.", next_step="pass the .h5 or .keras file in it")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ModelFileError(f"{path} does not exist.", next_step="check the path") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read.", received=error.strerror or str(error)) from None
    try:
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


@contextmanager
def reading(name: str | Path) -> Iterator[None]:
    """Turn what h5py raises on a damaged file into a ``ModelFileError`` about the file ``name``."""
    try:
        yield
    except EdgekitError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        truncated = "truncated" in str(error)
        raise ModelFileError(
            f"{name} is truncated." if truncated else f"{name} is damaged.",
            received=" ".join(str(error).split())[:200] or type(error).__name__,
            next_step="copy or download the file again",
        ) from error


def _open_hdf5(file: BinaryIO, path: Path) -> KerasFile:
    hdf5 = _open_checked(file, path.name)
    with reading(path):
        model_config = _read_json(hdf5, "model_config", path.name)
        training_config = _read_json(hdf5, "training_config", path.name)
        weights = hdf5["model_weights"] if "model_weights" in hdf5 else hdf5
        if not isinstance(weights, h5py.Group):
            raise ModelFileError(f"{path}: model_weights is an array, not a group.")
        version = read_text(hdf5, "keras_version", 100) or read_text(weights, "keras_version", 100)
        backend = read_text(hdf5, "backend", 100) or read_text(weights, "backend", 100)
        by_layer = "layer_names" in weights.attrs or "layer_names0" in weights.attrs
        if model_config is None and not by_layer and not _holds_variables(hdf5):
            raise ModelFileError(
                f"{path} is an HDF5 file, but not one that Keras writes.",
                expected="a model_config, or the weights of layers",
                received=", ".join(list(hdf5)[:10])[:300] or "an empty file",
            )
    return KerasFile(
        path=path,
        container="hdf5",
        # Keras 1.0 did not say its version.
        keras_version=_checked_version(version or ("1.0" if model_config else ""), path),
        backend=backend or "",
        model_config=model_config,
        training_config=training_config,
        weights=weights,
        weights_layout="layers" if by_layer or model_config is not None else "variables",
        closing=(hdf5, file),
    )


def _open_zip(file: BinaryIO, path: Path) -> KerasFile:
    with open_zip(file, path.name) as archive:
        config = parse_object(_read_text_member(archive, "config.json", path), f"{path.name}: config.json")
        metadata = parse_object(_read_text_member(archive, "metadata.json", path), f"{path.name}: metadata.json")
        if "model.weights.h5" not in archive.namelist() and "model.weights.json" in archive.namelist():
            raise ModelFileError(
                f"{path} keeps its weights in several parts (shards).",
                next_step="load it in Keras and save it in one: model.save('model.keras')",
            )
        weights = read_member(archive, "model.weights.h5", path.name, MAX_ZIPPED_WEIGHTS)
    hdf5 = _open_checked(io.BytesIO(weights), f"{path.name}: model.weights.h5")
    return KerasFile(
        path=path,
        container="zip",
        keras_version=_checked_version(str(metadata.get("keras_version", "")), path),
        # Kernels of every backend that writes this format have one layout.
        backend="tensorflow",
        model_config=config,
        training_config=None,
        weights=hdf5,
        weights_layout="variables",
        closing=(hdf5, file),
    )


def _read_text_member(archive: Any, member: str, path: Path) -> bytes:
    return read_member(archive, member, path.name, MAX_BYTES)


def _open_checked(file: BinaryIO, name: str) -> h5py.File:
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    with reading(name):
        # Through a file object HDF5 has no path to start from: links cannot lead to another file.
        hdf5 = h5py.File(file, "r")
        try:
            check_structure(hdf5, size_bytes, name)
        except BaseException:
            hdf5.close()
            raise
    return hdf5


def _read_json(hdf5: h5py.File, attribute: str, name: str) -> dict[str, Any] | None:
    text = read_text(hdf5, attribute, MAX_BYTES)
    return None if text is None else parse_object(text, f"{name}: {attribute}")


def _holds_variables(hdf5: h5py.File) -> bool:
    """True for Keras 3's ``.weights.h5``, and that of Keras 2.12 to 2.15."""
    names = {name.replace("\\", "/").partition("/")[0] for name in hdf5}
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
        f"{path} is not a Keras file.",
        expected="HDF5 (.h5) or a zip (.keras)",
        received=f"a file that begins with {start[:8]!r}",
    )
