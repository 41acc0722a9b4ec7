"""What travels with a model: labels and how pictures become its input.

A zip appended to the FlatBuffer holds ``edgekit.json`` and ``labels.txt``. Interpreters and other tools read
the FlatBuffer and never see the zip; ``unzip -l model.tflite`` lists it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit_runtime.errors import ModelFileError

MANIFEST_NAME = "edgekit.json"
LABELS_NAME = "labels.txt"
SCHEMA_VERSION = 1
# A manifest is a page of JSON and labels are words: a part that unpacks to more than this is no honest one.
_LARGEST_PART_BYTES = 4_000_000


@dataclass(frozen=True)
class Manifest:
    """The facts packed into a .tflite.

    Attributes:
        labels: Name of each class, in the order of the model's output; empty where none is known.
        pixel_range: Real values that pixels 0 and 255 have at the model's input, or None where not known.
        provenance: Where the model comes from, as JSON values by name. ``edgekit convert`` writes ``edgekit`` (its
            version), ``source_sha256``, ``keras_version``, ``quantize`` (the mode), ``quantization`` (how it was done),
            ``calibration`` (``data_sha256``, ``samples``), ``targets`` (those checked) and ``parity`` (figures), each
            only where it is known.
    """

    labels: tuple[str, ...] = ()
    pixel_range: tuple[float, float] | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As ``edgekit.json`` holds it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "labels": list(self.labels),
            "pixel_range": None if self.pixel_range is None else list(self.pixel_range),
            "provenance": dict(self.provenance),
        }


def read_manifest(model: bytes) -> Manifest:
    """Read what is packed into a .tflite; an empty manifest where nothing is.

    Args:
        model: The whole file.
    Raises:
        ModelFileError: A manifest is there and is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as parts:
            names = set(parts.namelist())
            labels = _read_part(parts, LABELS_NAME).splitlines() if LABELS_NAME in names else []
            content = json.loads(_read_part(parts, MANIFEST_NAME)) if MANIFEST_NAME in names else {}
    except zipfile.BadZipFile:
        # No zip at the end of the file: a plain .tflite.
        return Manifest()
    except (ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(str(error)) from error
    return _manifest(content, tuple(labels))


def _read_part(parts: zipfile.ZipFile, name: str) -> str:
    if parts.getinfo(name).file_size > _LARGEST_PART_BYTES:
        raise _damaged(f"{name} unpacks to {parts.getinfo(name).file_size} bytes")
    return parts.read(name).decode()


def _manifest(content: Any, labels: tuple[str, ...]) -> Manifest:
    if not isinstance(content, dict):
        raise _damaged(f"{MANIFEST_NAME} is no JSON object")
    if content.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION:
        raise ModelFileError(
            "The model was packed by a newer edgekit than this one.",
            expected=f"manifest schema version {SCHEMA_VERSION}",
            received=f"version {content['schema_version']}",
            next_step="pip install --upgrade edgekit-runtime",
        )
    pixel_range = content.get("pixel_range")
    if pixel_range is not None and not (
        isinstance(pixel_range, list) and len(pixel_range) == 2 and all(type(v) in (int, float) for v in pixel_range)
    ):
        raise _damaged(f"pixel_range is {pixel_range!r}")
    provenance = content.get("provenance", {})
    if not isinstance(provenance, dict):
        raise _damaged("provenance is no JSON object")
    return Manifest(
        labels=labels,
        pixel_range=None if pixel_range is None else (float(pixel_range[0]), float(pixel_range[1])),
        provenance=provenance,
    )


def _damaged(why: str) -> ModelFileError:
    return ModelFileError(
        "The manifest packed into the model is damaged.",
        received=why,
        next_step="convert the model again, or copy it to the device again",
    )
