"""Whatever the user names as data, opened for a model: a part to calibrate on and a part held back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from edgekit.datasets import NAMES, load_dataset
from edgekit.datasets.dataset import Dataset
from edgekit.datasets.model_inputs import ModelInputs, preprocessing_by_name
from edgekit.datasets.readers.folders import Listing, list_folder, suffixes_in
from edgekit.datasets.readers.functions import PREFIX, FunctionExamples, as_arrays, import_function
from edgekit.datasets.readers.idx import find_images, is_idx
from edgekit.datasets.source import Rows, Source, row_hashes
from edgekit.datasets.splitting import held_back_rows
from edgekit.datasets.streams import Conform, ExampleStream, Part, StoredExamples
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.task import UNNAMED


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What the user said of the data.

    Attributes:
        source: A name, a path, or ``python:module:function``.
        seed: Seed of the choice of what is held back, where the source doesn't say.
        label_column: Heading or number of a table's column of labels; None finds it.
        slice_by: Column, array, key or "folder" that says which slice an example belongs to; None for no slices.
    """

    source: str
    seed: int = 0
    label_column: str | None = None
    slice_by: str | None = None


@dataclass(eq=False)
class ModelData:
    """The data of a model, none of it read yet; what is held back is chosen when a part is first asked for.

    Attributes:
        part: Gives a part.
        labels: Names of the classes; empty where none are known.
        has_test_part: Whether the source itself keeps examples for testing.
    """

    part: Callable[[Part], ExampleStream]
    labels: tuple[str, ...]
    has_test_part: bool = False

    @cached_property
    def calibration(self) -> ExampleStream:
        """What may be calibrated on; the part to train on, where the source has parts."""
        return self.part(Part.CALIBRATION)

    @cached_property
    def held_back(self) -> ExampleStream:
        """What calibration and training never see."""
        return self.part(Part.HELD_BACK)

    @cached_property
    def everything(self) -> ExampleStream:
        """Both."""
        return self.part(Part.EVERYTHING)


def require_source(source: str, label_column: str | None) -> None:
    """Check what can be checked before a model is there: that the data exists, and may have a column of labels.

    Args:
        source: A name, a path, or ``python:module:function``.
        label_column: The column of labels that was asked for.
    Raises:
        UsageError: A column of labels was asked for, and this is not a table.
        DataError: The data does not exist.
    """
    from edgekit.datasets.readers import tables

    if label_column is not None and Path(source).suffix.lower() not in tables.SUFFIXES:
        raise UsageError(
            "--label-column goes with a table only.",
            expected=f"data that ends in {' or '.join(sorted(tables.SUFFIXES))}",
            received=source,
        )
    if source not in NAMES and not source.startswith(PREFIX) and not Path(source).exists():
        raise DataError(
            f"There is no data set {source}.",
            expected=f"{', '.join(NAMES)}, a file (.npz, .npy, .csv, IDX), a folder of images, .wav or .npy files, "
            "or python:module:function",
            received="neither a known name nor an existing path",
        )


def open_data(
    request: DataRequest,
    inputs: Sequence[ModelInput],
    *,
    labels: Sequence[str] = (),
) -> ModelData:
    """Open data for a model.

    Args:
        request: What the user said of the data.
        inputs: The model's inputs; images know what pixels become.
        labels: The model's own names of its classes: classes of these names get the model's numbers.
    Raises:
        EdgekitError: There is no such source, it is damaged, or it does not fit the model.
    """
    require_source(request.source, request.label_column)
    conform = ModelInputs(inputs)
    if request.source.startswith(PREFIX):
        function = import_function(request.source)
        arrays = as_arrays(function())
        if arrays is None:
            examples = FunctionExamples(
                request.source, function, tuple(inputs), conform, request.seed, slice_by=request.slice_by
            )
            return ModelData(lambda part: replace(examples, part=part, _known={}), ())
        source = _arrays(request, arrays, inputs)
    else:
        source = _stored(request, inputs)
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
        y = source.targets.get(UNNAMED)
        classes = y if y is not None and y.ndim == 1 and y.dtype.kind == "i" else None
        held_back = held_back_rows(source.digests, classes, seed=seed)
    elif part is Part.CALIBRATION:
        # An example that is in both parts is for testing only.
        return everything[~held_back & ~np.isin(source.digests, source.digests[held_back])]
    return everything[held_back if part is Part.HELD_BACK else ~held_back]


def _renumbered(source: Source, labels: Sequence[str]) -> Source:
    """The source with the model's numbers for its classes, which may be fewer or in another order."""
    if not set(source.labels) <= set(labels) or source.labels in ((), tuple(labels)):
        return source
    numbers = np.array([list(labels).index(name) for name in source.labels])
    targets = {output: numbers[values] for output, values in source.targets.items() if values.dtype.kind == "i"}
    return replace(source, targets=source.targets | targets, labels=tuple(labels))


def _stored(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    if request.source in NAMES:
        return _of_dataset(load_dataset(request.source, seed=request.seed))
    path = Path(request.source)
    return _folder(path, request, inputs) if path.is_dir() else _file(path, request, inputs)


def _file(path: Path, request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers import tables
    from edgekit.datasets.readers.stored_arrays import array_file_source

    if is_idx(path):
        return _idx(path, request, inputs)
    if path.suffix.lower() in tables.SUFFIXES:
        return tables.table_source(
            path, _only(inputs, path), label_column=request.label_column, slice_by=request.slice_by
        )
    return array_file_source(path, [model_input.name for model_input in inputs], slice_by=request.slice_by)


def _idx(path: Path, request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.idx import open_idx

    return _arrays(request, open_idx(path), inputs)


def _arrays(request: DataRequest, arrays: Mapping[str, Rows], inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.stored_arrays import arrays_source

    return arrays_source(
        request.source, arrays, [model_input.name for model_input in inputs], slice_by=request.slice_by
    )


def _folder(folder: Path, request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    if not any(folder.iterdir()):
        raise DataError(f"{folder} is empty.", expected="files of examples, or a sub-folder of these for each class")
    if find_images(folder):
        return _idx(folder, request, inputs)
    if len(inputs) == 1:
        return _folder_of_one(folder, request, inputs[0])
    from edgekit.datasets.readers.array_folders import joined_source

    missing = [model_input.name for model_input in inputs if not (folder / model_input.name).is_dir()]
    if missing:
        raise DataError(
            f"The model has {len(inputs)} inputs, and {folder} has no sub-folder for each.",
            expected=f"the sub-folders {', '.join(model_input.name for model_input in inputs)}",
            received=f"no {', '.join(missing)}",
        )
    return joined_source(folder, {each.name: _folder_of_one(folder / each.name, request, each) for each in inputs})


def _folder_of_one(folder: Path, request: DataRequest, model_input: ModelInput) -> Source:
    from edgekit.datasets.readers import array_folders, image_folder, recordings

    present = suffixes_in(folder)
    kinds = [kind for kind in (image_folder, recordings, array_folders) if kind.SUFFIXES & present]
    if len(kinds) != 1:
        raise DataError(
            f"{folder} holds {'files of several kinds' if kinds else 'no files of examples'}.",
            expected="images, .wav files or .npy files, of one kind",
            received=", ".join(sorted(present)) or "no files",
        )
    listing = list_folder(folder, kinds[0].SUFFIXES, slice_by=request.slice_by)
    if kinds[0] is recordings:
        return recordings.recording_source(listing, model_input)
    if kinds[0] is array_folders:
        return array_folders.array_folder_source(listing)
    return _images(listing, model_input)


def _images(listing: Listing, model_input: ModelInput) -> Source:
    from edgekit.datasets.readers.image_folder import first_image, image_source

    if model_input.pixels is None:
        raise DataError(
            f"The model's input {model_input.name} does not take images.",
            expected="an input (N, height, width, 1 or 3)",
            received=f"{model_input.shape}",
            next_step="pass what the model takes as .npy files, an .npz, a table, or python:module:function, or declare"
            f" it as an image: --input {model_input.name}=image",
        )
    preprocessing = preprocessing_by_name([model_input]).get(model_input.name)
    if preprocessing is not None:
        return image_source(listing, preprocessing)
    # The model leaves the size open: that of the first image serves for all.
    channels = model_input.shape[3] if model_input.shape[3:] in ((1,), (3,)) else None
    return image_source(listing, first_image(listing.files[0], None, channels))


def _only(inputs: Sequence[ModelInput], path: Path) -> ModelInput:
    if len(inputs) != 1:
        raise DataError(
            f"The model has {len(inputs)} inputs, and a table fills only one.",
            expected="an .npz with one array an input, or python:module:function that yields dicts by input name",
            received=str(path),
        )
    return inputs[0]


def _of_dataset(dataset: Dataset) -> Source:
    """The examples of a data set that is in memory, in its own split."""
    train_count = len(dataset.x_train)

    def read(rows: np.ndarray) -> dict[str, np.ndarray]:
        train, test = rows[rows < train_count], rows[rows >= train_count] - train_count
        return {UNNAMED: np.concatenate([dataset.x_train[train], dataset.x_test[test]])}

    count = train_count + len(dataset.x_test)
    return Source(
        name=dataset.name,
        count=count,
        read=read,
        hashes=lambda: (digest for x in (dataset.x_train, dataset.x_test) for digest in row_hashes(x)),
        targets={UNNAMED: np.concatenate([dataset.y_train, dataset.y_test])},
        labels=dataset.labels,
        held_back=np.arange(count) >= train_count,
        name_of=lambda row: f"train {row}" if row < train_count else f"test {row - train_count}",
    )
