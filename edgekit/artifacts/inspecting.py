"""What a .tflite holds and what is packed into it, read without an interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_converters.targets.check import check_targets
from edgekit_converters.targets.target import target_names
from edgekit_runtime.packed_file.manifest import Manifest, Parts, read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file, refuse_lost_parts
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.structure import read_model_description

#: Where a FlatBuffer states which schema it follows.
_IDENTIFIER = slice(4, 8)


@dataclass(frozen=True, slots=True)
class TfliteInspection:
    """A .tflite and what is packed into it.

    Attributes:
        path: The file.
        description: Tensors, operators, signatures.
        manifest: Labels, preprocessing, provenance, digests.
        parts: Names of all that is packed behind the FlatBuffer, by whatever tool.
        runs_on: Names of the targets that run it, as far as its operators tell.
    """

    path: Path
    description: ModelDescription
    manifest: Manifest
    parts: tuple[str, ...]
    runs_on: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "path": str(self.path),
            **self.description.to_dict(),
            "manifest": self.manifest.to_dict(),
            "parts": list(self.parts),
            "runs_on": list(self.runs_on),
        }


def is_tflite(path: Path) -> bool:
    """Whether a file is a .tflite, by what it holds or, where that says nothing, by its name."""
    if not path.is_file():
        return path.suffix == ".tflite"
    with path.open("rb") as file:
        return file.read(8)[_IDENTIFIER] == b"TFL3" or path.suffix == ".tflite"


def inspect_tflite(path: Path) -> TfliteInspection:
    """Read a .tflite.

    Raises:
        ModelFileError: It is missing, damaged or foreign.
    """
    content = read_model_file(path)
    manifest, description = read_manifest(content), read_model_description(content)
    refuse_lost_parts(description, manifest.model_sha256)
    runs_on = tuple(check.target for check in check_targets(content, target_names()) if check.runs)
    return TfliteInspection(path, description, manifest, tuple(Parts(content).names), runs_on)
