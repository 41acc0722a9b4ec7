"""What a model file holds, whatever its format, read without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_runtime.description import ModelDescription
from edgekit_runtime.manifest import Manifest, read_manifest
from edgekit_runtime.model_file import read_model_file
from edgekit_runtime.structure import read_model_description


@dataclass(frozen=True, slots=True)
class TfliteInspection:
    """A .tflite and what is packed into it.

    Attributes:
        path: The file.
        description: Tensors, operators, signatures.
        manifest: Labels, pixel range, provenance.
    """

    path: Path
    description: ModelDescription
    manifest: Manifest

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"path": str(self.path), **self.description.to_dict(), "manifest": self.manifest.to_dict()}


def inspect_tflite(path: Path) -> TfliteInspection:
    """Read a .tflite.

    Raises:
        ModelFileError: It is missing, damaged or foreign.
    """
    content = read_model_file(path)
    return TfliteInspection(path, read_model_description(content), read_manifest(content))
