"""Writes the TFLite Metadata that other tools read: Netron, tflite-support, ML Kit, Android Studio.

Source: the public schema ``metadata_schema.fbs`` of tflite-support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.packaging.metadata_schema import (
    AssociatedFile,
    AssociatedFileType,
    ColorSpaceType,
    Content,
    ContentProperties,
    ImageProperties,
    ImageSize,
    ModelMetadata,
    NormalizationOptions,
    ProcessUnit,
    ProcessUnitOptions,
    SubGraphMetadata,
    TensorMetadata,
)
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.manifest import LABELS_NAME, Manifest
from edgekit_runtime.tflite.description import ModelDescription

#: Name of the entry in the FlatBuffer's metadata.
STANDARD_NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
#: Everything written here exists since the first version of the schema.
_MIN_PARSER_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class _Number:
    """A scalar field: its type as named by the builder, and its value."""

    kind: str
    value: int


def standard_metadata(description: ModelDescription, manifest: Manifest, *, name: str) -> bytes:
    """Return metadata about a model as a FlatBuffer of the public schema; equal arguments give equal bytes.

    Args:
        description: The model's tensors.
        manifest: Labels, preprocessing, provenance.
        name: Name of the model.
    """
    import flatbuffers

    # Not the runtime's view of inputs and outputs: a model with string inputs has names as well.
    signature = next((each for each in description.signatures if each.subgraph == 0), None)
    names = {} if signature is None else {index: end for end, index in (*signature.inputs, *signature.outputs)}
    inputs: list[dict[int, Any]] = [{TensorMetadata.NAME: names.get(x.index, x.name)} for x in description.inputs]
    outputs: list[dict[int, Any]] = [{TensorMetadata.NAME: names.get(x.index, x.name)} for x in description.outputs]
    for described in inputs:
        preprocessing = manifest.preprocessing_of(described[TensorMetadata.NAME])
        described.update({} if preprocessing is None else _image_input(preprocessing))
    if manifest.labels:
        labels = {
            AssociatedFile.NAME: LABELS_NAME,
            AssociatedFile.TYPE: _Number("Int8", AssociatedFileType.TENSOR_AXIS_LABELS),
        }
        outputs[0][TensorMetadata.ASSOCIATED_FILES] = [labels]
    quantize = manifest.provenance.get("quantize")
    model = {
        ModelMetadata.NAME: name,
        ModelMetadata.DESCRIPTION: "Converted by edgekit" + (f" ({quantize})." if isinstance(quantize, str) else "."),
        ModelMetadata.SUBGRAPH_METADATA: [
            {SubGraphMetadata.INPUT_TENSOR_METADATA: inputs, SubGraphMetadata.OUTPUT_TENSOR_METADATA: outputs}
        ],
        ModelMetadata.MIN_PARSER_VERSION: _MIN_PARSER_VERSION,
    }
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write_table(builder, model), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _image_input(preprocessing: Preprocessing) -> dict[int, Any]:
    """Description, image properties and normalization ``(pixel - mean) / std`` of an image tensor."""
    scale, offset = np.broadcast_arrays(
        np.atleast_1d(np.asarray(preprocessing.scale, float)), np.asarray(preprocessing.offset, float)
    )
    size = {
        ImageSize.WIDTH: _Number("Uint32", preprocessing.width),
        ImageSize.HEIGHT: _Number("Uint32", preprocessing.height),
    }
    colors = "red, green, blue" if preprocessing.color_order == "rgb" else "blue, green, red"
    grayscale = preprocessing.channels == 1
    color_space = ColorSpaceType.GRAYSCALE if grayscale else ColorSpaceType.RGB
    return {
        TensorMetadata.DESCRIPTION: f"Image, {'grayscale' if grayscale else colors}.",
        TensorMetadata.CONTENT: {
            Content.CONTENT_PROPERTIES_TYPE: _Number("Uint8", ContentProperties.ImageProperties),
            Content.CONTENT_PROPERTIES: {
                ImageProperties.COLOR_SPACE: _Number("Int8", color_space),
                ImageProperties.DEFAULT_SIZE: size,
            },
        },
        TensorMetadata.PROCESS_UNITS: [
            {
                ProcessUnit.OPTIONS_TYPE: _Number("Uint8", ProcessUnitOptions.NormalizationOptions),
                ProcessUnit.OPTIONS: {
                    NormalizationOptions.MEAN: tuple(0.0 - offset / scale),
                    NormalizationOptions.STD: tuple(1 / scale),
                },
            }
        ],
    }


def _write_table(builder: Any, fields: dict[int, Any]) -> int:
    """Write a table after what it points to: strings, tables, lists of tables, tuples of floats, numbers."""
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
