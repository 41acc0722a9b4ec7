"""Exports a .tflite and its labels as C source files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit import __version__
from edgekit_converters.atomic_files import write_text
from edgekit_converters.microcontrollers.c_array import c_array, identifier
from edgekit_converters.packaging.artifact import unpack
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True)
class ExportedSource:
    """Exported C source files.

    Attributes:
        files: Paths of the header and the source file.
        model_bytes: Size of the array in bytes, which contains the FlatBuffer without the parts packed behind it.
        arena_bytes: Upper estimate of the size of the tensor arena in bytes.
    """

    files: tuple[Path, ...]
    model_bytes: int
    arena_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "files": [str(file) for file in self.files],
            "model_bytes": self.model_bytes,
            "arena_bytes": self.arena_bytes,
        }


def export_c_array(model: Path, folder: Path, name: str | None = None) -> ExportedSource:
    """Write ``folder/name.h`` and ``folder/name.cc``.

    Args:
        model: Path of a .tflite.
        folder: Output folder.
        name: Name of the array; None derives it from the file name.
    Raises:
        ModelFileError: The model is missing, is damaged or has another format.
        UsageError: ``name`` is not a usable C identifier.
    """
    content = read_model_file(model)
    name = name or identifier(model.stem)
    source = c_array(
        unpack(TfliteModel(content)).model,
        name,
        labels=read_manifest(content).labels,
        origin=f"{model.name}, made C source by edgekit {__version__}.",
    )
    header_file, source_file = folder / f"{name}.h", folder / f"{name}.cc"
    write_text(header_file, source.header)
    write_text(source_file, source.source)
    return ExportedSource((header_file, source_file), source.model_bytes, source.arena_bytes)
