"""Reads what other tools write to the standard TFLite Metadata of a model: labels, and how pixels become its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit_converters.packaging.metadata_schema import (
    AssociatedFile,
    AssociatedFileType,
    ModelMetadata,
    NormalizationOptions,
    ProcessUnit,
    ProcessUnitOptions,
    SubGraphMetadata,
    TensorMetadata,
)
from edgekit_converters.packaging.standard_metadata import STANDARD_NAME
from edgekit_runtime.classification import split_labels
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.flatbuffer import FlatBuffer, Table
from edgekit_runtime.tflite.schema import Buffer, Metadata, Model

_LABEL_FILES = (AssociatedFileType.TENSOR_AXIS_LABELS, AssociatedFileType.TENSOR_VALUE_LABELS)


@dataclass(frozen=True, slots=True)
class ForeignMetadata:
    """Labels and normalization from the standard metadata; all of it may be missing.

    Attributes:
        mean: Subtracted from each pixel, 0 to 255: one number, or one per channel.
        std: Divisor of the difference, likewise.
        labels: Names of the classes.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def read_foreign_metadata(model: bytes, parts: Mapping[str, bytes]) -> ForeignMetadata:
    """Read the standard metadata of a .tflite; empty if there is none, or if it cannot be read.

    Args:
        model: A FlatBuffer whose structure has been checked.
        parts: Parts packed behind it.
    """
    try:
        metadata = _metadata_table(model)
        if metadata is None:
            return ForeignMetadata()
        subgraph = next(metadata.tables(ModelMetadata.SUBGRAPH_METADATA, "subgraph metadata"), None)
        if subgraph is None:
            return ForeignMetadata()
        mean, std = _normalization(subgraph)
        return ForeignMetadata(mean, std, _labels(subgraph, parts))
    except ModelFileError:
        # The interpreters never read it, so this is not a reason to reject the model.
        return ForeignMetadata()


def _metadata_table(model: bytes) -> Table | None:
    root = FlatBuffer(model).root()
    buffers = list(root.tables(Model.BUFFERS, "buffer"))
    for entry in root.tables(Model.METADATA, "metadata"):
        number = entry.scalar(Metadata.BUFFER, "I")
        if entry.string(Metadata.NAME, "name") == STANDARD_NAME and number < len(buffers):
            start, size = buffers[number].vector_place(Buffer.DATA, "data")
            return FlatBuffer(model[start : start + size]).root() if size >= 8 else None
    return None


def _normalization(subgraph: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for tensor in list(subgraph.tables(SubGraphMetadata.INPUT_TENSOR_METADATA, "input metadata"))[:1]:
        for unit in tensor.tables(TensorMetadata.PROCESS_UNITS, "process unit"):
            options = unit.table(ProcessUnit.OPTIONS, "options")
            if (
                unit.scalar(ProcessUnit.OPTIONS_TYPE, "B") == ProcessUnitOptions.NormalizationOptions
                and options is not None
            ):
                mean = options.numbers(NormalizationOptions.MEAN, "<f4", "mean")
                std = options.numbers(NormalizationOptions.STD, "<f4", "std")
                if mean is not None and std is not None and len(mean) == len(std) and std.all():
                    return tuple(mean.tolist()), tuple(std.tolist())
    return (), ()


def _labels(subgraph: Table, parts: Mapping[str, bytes]) -> tuple[str, ...]:
    for tensor in list(subgraph.tables(SubGraphMetadata.OUTPUT_TENSOR_METADATA, "output metadata"))[:1]:
        for file in tensor.tables(TensorMetadata.ASSOCIATED_FILES, "associated file"):
            name = file.string(AssociatedFile.NAME, "name")
            if file.scalar(AssociatedFile.TYPE, "b") in _LABEL_FILES and name in parts:
                return split_labels(parts[name].decode(errors="replace"))
    return ()
