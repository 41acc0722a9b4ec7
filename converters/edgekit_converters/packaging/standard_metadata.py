"""The TFLite Metadata that other tools read: Netron, tflite-support, ML Kit, Android Studio.

Source: the public schema ``metadata_schema.fbs`` of tflite-support, identifier ``M001``; the numbers below are its
fields and enum values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_runtime.description import ModelDescription
from edgekit_runtime.manifest import LABELS_NAME, Manifest
from edgekit_runtime.preprocessing import Preprocessing
from edgekit_runtime.tensor_info import model_inputs, model_outputs

#: Name of the entry in the FlatBuffer's metadata.
STANDARD_NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
#: Everything written here was there from the first version of the schema on.
_MIN_PARSER_VERSION = "1.0.0"
_IMAGE = 2
_RGB, _GREY = 1, 2
_NORMALIZATION = 1
_AXIS_LABELS = 2


@dataclass(frozen=True, slots=True)
class _Number:
    """A scalar field: the builder's name of its type, and its value."""

    kind: str
    value: int


def standard_metadata(description: ModelDescription, manifest: Manifest, *, name: str) -> bytes:
    """What is known of a model, as a FlatBuffer of the public schema; equal arguments give equal bytes.

    Args:
        description: Its tensors.
        manifest: Labels, preprocessing, provenance.
        name: What the model is called.
    """
    import flatbuffers

    inputs: list[dict[int, Any]] = [{0: info.name} for info in model_inputs(description)]
    outputs: list[dict[int, Any]] = [{0: info.name} for info in model_outputs(description)]
    if manifest.preprocessing is not None:
        inputs[0] |= _image_input(manifest.preprocessing)
    if manifest.labels:
        outputs[0][6] = [{0: LABELS_NAME, 2: _Number("Int8", _AXIS_LABELS)}]
    quantize = manifest.provenance.get("quantize")
    model = {
        0: name,
        1: "Converted by edgekit" + (f" ({quantize})." if isinstance(quantize, str) else "."),
        3: [{2: inputs, 3: outputs}],
        7: _MIN_PARSER_VERSION,
    }
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write_table(builder, model), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _image_input(preprocessing: Preprocessing) -> dict[int, Any]:
    """Description, image properties and normalization ``(pixel - mean) / std`` of a picture's tensor."""
    scale, offset = np.broadcast_arrays(
        np.atleast_1d(np.asarray(preprocessing.scale, float)), np.asarray(preprocessing.offset, float)
    )
    size = {0: _Number("Uint32", preprocessing.width), 1: _Number("Uint32", preprocessing.height)}
    colours = "red, green, blue" if preprocessing.color_order == "rgb" else "blue, green, red"
    grey = preprocessing.channels == 1
    return {
        1: f"Picture, {'grey' if grey else colours}.",
        3: {
            0: _Number("Uint8", _IMAGE),
            1: {0: _Number("Int8", _GREY if grey else _RGB), 1: size},
        },
        4: [{0: _Number("Uint8", _NORMALIZATION), 1: {0: tuple(0.0 - offset / scale), 1: tuple(1 / scale)}}],
    }


def _write_table(builder: Any, fields: dict[int, Any]) -> int:
    """Write a table, what it points to first: texts, tables, lists of tables, tuples of floats, numbers."""
    places = {field: _write_value(builder, value) for field, value in fields.items() if not isinstance(value, _Number)}
    builder.StartObject(max(fields, default=-1) + 1)
    for field, value in fields.items():
        if isinstance(value, _Number):
            getattr(builder, f"Prepend{value.kind}Slot")(field, value.value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(field, places[field], 0)
    return int(builder.EndObject())


def _write_value(builder: Any, value: Any) -> int:
    if isinstance(value, str):
        return int(builder.CreateString(value))
    if isinstance(value, dict):
        return _write_table(builder, value)
    if isinstance(value, tuple):
        return _write_floats(builder, value)
    tables = [_write_table(builder, table) for table in value]
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _write_floats(builder: Any, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(float(value))
    return int(builder.EndVector())
