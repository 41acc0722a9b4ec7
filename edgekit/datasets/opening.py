"""Opens the data that the user passed for a model, as a part for calibration and a held-back part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from edgekit.datasets import kinds
from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.datasets.model_inputs import ModelInputs
from edgekit.datasets.readers.functions import FunctionExamples, open_callable
from edgekit.datasets.readers.memory import MemoryData
from edgekit.datasets.source import Source
from edgekit.datasets.splitting import held_back_rows
from edgekit.datasets.streams import Conform, ExampleStream, Part, StoredExamples
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.task import UNNAMED


@dataclass(frozen=True, slots=True)
class DataRequest:
    """The user's options for the data.

    Attributes:
        source: A name, a path, ``python:module:function``, or data in memory.
        seed: Seed for choosing the held-back examples if the source has no test part.
        label_column: Heading or number of the label column of a table; None detects it.
        slice_by: Column, array, key or "folder" that assigns examples to slices; None for no slices.
    """

    source: str | MemoryData
    seed: int = 0
    label_column: str | None = None
    slice_by: str | None = None

    @property
    def name(self) -> str:
        """The source as the user wrote it, or the name of data in memory."""
        return str(self.source)


@dataclass(eq=False)
class ModelData:
    """Data opened for a model. Nothing is read, and the held-back examples are not chosen, until a part is requested.

    Attributes:
        part: Returns the examples of a part.
        labels: Class names; empty if unknown.
        has_test_part: Whether the source itself has a test part.
    """

    part: Callable[[Part], ExampleStream]
    labels: tuple[str, ...]
    has_test_part: bool = False

    @cached_property
    def calibration(self) -> ExampleStream:
        """Examples for calibration; the training part if the source has parts."""
        return self.part(Part.CALIBRATION)

    @cached_property
    def held_back(self) -> ExampleStream:
        """Examples that calibration and training never use."""
        return self.part(Part.HELD_BACK)

    @cached_property
    def everything(self) -> ExampleStream:
        """All examples of both parts."""
        return self.part(Part.EVERYTHING)


def require_source(source: str | MemoryData, label_column: str | None) -> None:
    """Check, before any model is loaded, that the data exists and that a label column applies to it.

    Args:
        source: A name, a path, ``python:module:function``, or data in memory.
        label_column: Label column that the user passed, or None.
    Raises:
        UsageError: A label column was passed, but the data is not a table.
        DataError: The data does not exist.
    """
    suffixes = sorted(suffix for kind in kinds.KINDS if kind.has_columns for suffix in kind.suffixes)
    if label_column is not None and not (isinstance(source, str) and Path(source).suffix.lower() in suffixes):
        raise UsageError(
            "--label-column applies to tables only.",
            expected=f"data that ends in {' or '.join(suffixes)}",
            received=str(source),
        )
    if isinstance(source, str):
        kinds.require_existing(source)


def open_data(
    request: DataRequest,
    inputs: Sequence[ModelInput],
    *,
    labels: Sequence[str] = (),
) -> ModelData:
    """Open data for a model.

    Args:
        request: The user's options for the data.
        inputs: Inputs of the model; images have their pixel range.
        labels: Class names of the model; classes of the data with these names get the model's indices.
    Raises:
        EdgekitError: The source does not exist, is damaged, or is not compatible with the model.
    """
    require_source(request.source, request.label_column)
    conform = ModelInputs(inputs)
    source = open_source(request, inputs)
    if isinstance(source, FunctionExamples):
        examples = replace(source, conform=conform)
        return ModelData(lambda part: replace(examples, part=part, _known={}), ())
    if request.slice_by is not None and source.groups is None:
        raise DataError(
            f"{request.source} has nothing called {request.slice_by} to slice by.",
            expected="a column of a table, an array of an .npz, a key of a function's dicts, or folder",
            received=f"--slice-by {request.slice_by}",
        )
    source = _renumbered(source, labels)
    return ModelData(partial(_part_of, source, conform, request.seed), source.labels, source.held_back is not None)


def _part_of(source: Source, conform: Conform, seed: int, part: Part) -> StoredExamples:
    return StoredExamples(source, _rows_of(source, part, seed), conform)


def _rows_of(source: Source, part: Part, seed: int) -> np.ndarray:
    everything = np.arange(source.count)
    if part is Part.EVERYTHING:
        return everything
    held_back = source.held_back
    if held_back is None:
        y = source.ground_truth.get(UNNAMED)
        classes = y if y is not None and y.ndim == 1 and y.dtype.kind == "i" else None
        held_back = held_back_rows(source.digests, classes, seed=seed)
    elif part is Part.CALIBRATION:
        # An example that is in both parts is used for testing only.
        return everything[~held_back & ~np.isin(source.digests, source.digests[held_back])]
    return everything[held_back if part is Part.HELD_BACK else ~held_back]


def _renumbered(source: Source, labels: Sequence[str]) -> Source:
    """Replace the source's class indices by the model's, which may be more and in another order."""
    if not set(source.labels) <= set(labels) or source.labels in ((), tuple(labels)):
        return source
    numbers = np.array([list(labels).index(name) for name in source.labels])
    ground_truth = {
        output: numbers[values] for output, values in source.ground_truth.items() if values.dtype.kind == "i"
    }
    if BOX_GROUND_TRUTH in source.ground_truth:
        boxes = source.ground_truth[BOX_GROUND_TRUTH].copy()
        is_used = boxes[..., 0] >= 0
        boxes[is_used, 0] = numbers[boxes[is_used, 0].astype(np.int64)]
        ground_truth[BOX_GROUND_TRUTH] = boxes
    return replace(source, ground_truth=source.ground_truth | ground_truth, labels=tuple(labels))


def open_source(request: DataRequest, inputs: Sequence[ModelInput]) -> Source | FunctionExamples:
    """Open data with the reader of its kind.

    Args:
        request: The user's options for the data.
        inputs: Inputs of the model; images have their pixel range.
    Raises:
        EdgekitError: The source does not exist, is damaged, or is not compatible with the model.
    """
    if isinstance(request.source, MemoryData):
        return open_callable(request.name, request.source.read, inputs, seed=request.seed, slice_by=request.slice_by)
    if len(inputs) > 1 and kinds.is_folder_of_files(request.source):
        return _folder_of_each_input(Path(request.source), request, inputs)
    return kinds.find_kind(request.source).open(request, inputs)


def _folder_of_each_input(folder: Path, request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.array_folders import joined_source

    missing = [model_input.name for model_input in inputs if not (folder / model_input.name).is_dir()]
    if missing:
        raise DataError(
            f"The model has {len(inputs)} inputs, and {folder} has no sub-folder for each.",
            expected=f"the sub-folders {', '.join(model_input.name for model_input in inputs)}",
            received=f"no {', '.join(missing)}",
        )
    sources = {}
    for each in inputs:
        source = open_source(replace(request, source=str(folder / each.name)), [each])
        assert isinstance(source, Source), "only functions and iterables give anything else"
        sources[each.name] = source
    return joined_source(folder, sources)
