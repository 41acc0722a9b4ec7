"""What other tools say of a model in the standard TFLite Metadata: labels, and how pixels become its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit_converters.packaging.standard_metadata import STANDARD_NAME
from edgekit_runtime.classification import split_labels
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.flatbuffer import FlatBuffer, Table

_NORMALIZATION = 1
_LABEL_FILES = (2, 3)


@dataclass(frozen=True, slots=True)
class ForeignMetadata:
    """What is stated; all of it may be missing.

    Attributes:
        mean: What is taken from each pixel 0 to 255, one number or one a channel.
        std: What the difference is divided by.
        labels: Names of the classes.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def read_foreign_metadata(model: bytes, parts: Mapping[str, bytes]) -> ForeignMetadata:
    """Read the standard metadata of a .tflite; empty where there is none, or none that can be read.

    Args:
        model: A FlatBuffer whose structure has been checked.
        parts: What is packed behind it.
    """
    try:
        metadata = _metadata_table(model)
        subgraph = None if metadata is None else next(iter(metadata.tables(3, "subgraph metadata")), None)
        if subgraph is None:
            return ForeignMetadata()
        mean, std = _normalization(subgraph)
        return ForeignMetadata(mean, std, _labels(subgraph, parts))
    except ModelFileError:
        # The interpreters never look at it, and it is no reason to refuse the model.
        return ForeignMetadata()


def _metadata_table(model: bytes) -> Table | None:
    root = FlatBuffer(model).root()
    buffers = list(root.tables(4, "buffer"))
    for entry in root.tables(6, "metadata"):
        if entry.string(0, "name") == STANDARD_NAME and entry.scalar(1, "I") < len(buffers):
            start, size = buffers[entry.scalar(1, "I")].vector_place(0, "data")
            return FlatBuffer(model[start : start + size]).root() if size >= 8 else None
    return None


def _normalization(subgraph: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for tensor in list(subgraph.tables(2, "input metadata"))[:1]:
        for unit in tensor.tables(4, "process unit"):
            options = unit.table(1, "options")
            if unit.scalar(0, "B") == _NORMALIZATION and options is not None:
                mean, std = options.numbers(0, "<f4", "mean"), options.numbers(1, "<f4", "std")
                if mean is not None and std is not None and len(mean) == len(std) and std.all():
                    return tuple(mean.tolist()), tuple(std.tolist())
    return (), ()


def _labels(subgraph: Table, parts: Mapping[str, bytes]) -> tuple[str, ...]:
    for tensor in list(subgraph.tables(3, "output metadata"))[:1]:
        for file in tensor.tables(6, "associated file"):
            if file.scalar(2, "b") in _LABEL_FILES and file.string(0, "name") in parts:
                return split_labels(parts[file.string(0, "name")].decode(errors="replace"))
    return ()
