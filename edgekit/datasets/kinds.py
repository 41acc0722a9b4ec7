"""Declares the kinds of data that commands accept as ``--data``, one record per kind.

Help texts, the error for unknown data and the guide's table are generated from the records. This module therefore
imports nothing heavy: readers are imported when data is opened. To add a kind, add a record with its reader to
``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.counting import listed
from edgekit.datasets.folder_entries import entries_of
from edgekit_runtime.errors import DataError

if TYPE_CHECKING:
    from edgekit.datasets.opening import DataRequest
    from edgekit.datasets.readers.functions import FunctionExamples
    from edgekit.datasets.source import Source
    from edgekit_converters.lowering import ModelInput

    #: Opens the data of a request for the inputs of a model. Only functions return examples without random access.
    Reader = Callable[[DataRequest, Sequence[ModelInput]], Source | FunctionExamples]


class Form(Enum):
    """The form of the value that the user passes."""

    NAME = "a name"
    FILE = "a file"
    FOLDER = "a folder with one file per example"
    FUNCTION = "a function of the user's own"


@dataclass(frozen=True, slots=True)
class DataKind:
    """One kind of data.

    Attributes:
        name: Name in help texts; for ``Form.NAME``, the value that the user passes.
        form: Form of the value that the user passes.
        help: Description of the content, for the guide's table.
        open: Reader.
        suffixes: Suffixes of the file, or of the files in the folder, in lower case.
        recognizes: Detects from the content whether a path is of this kind if its suffix does not say so; None if the
            content is never examined.
        prefix: Prefix of the value that the user passes, for ``Form.FUNCTION``.
        has_columns: Whether ``--label-column`` applies.
    """

    name: str
    form: Form
    help: str
    open: Reader
    suffixes: frozenset[str] = frozenset()
    recognizes: Callable[[Path], bool] | None = None
    prefix: str = ""
    has_columns: bool = False

    def is_named_by(self, source: str) -> bool:
        """Whether the value that the user passed identifies this kind without looking at any file."""
        return source == self.name if self.form is Form.NAME else bool(self.prefix) and source.startswith(self.prefix)

    def has_content_of(self, path: Path) -> bool:
        """Whether the content at ``path`` is of this kind, regardless of its name."""
        return self.recognizes is not None and self.recognizes(path)


def known_kinds() -> str:
    """A list of all kinds in one sentence, for help texts and errors."""
    names = {form: [kind.name for kind in KINDS if kind.form is form] for form in Form}
    return (
        f"{', '.join(names[Form.NAME])}; a file ({', '.join(names[Form.FILE])}); a folder of "
        f"{listed(names[Form.FOLDER], 'or')} files, with or without one sub-folder per class; or "
        f"{listed(names[Form.FUNCTION], 'or')}"
    )


def is_named(source: str) -> bool:
    """Whether ``source`` is a name or a function instead of a path."""
    return any(kind.is_named_by(source) for kind in KINDS)


def path_of(source: object) -> Path | None:
    """The path that a source of data is; None for a name, a function, or data in memory."""
    return Path(source) if isinstance(source, str) and not is_named(source) else None


def is_folder_of_files(source: str) -> bool:
    """Whether ``source`` is a folder with one file per example, unlike a folder of IDX files."""
    path = Path(source)
    return not is_named(source) and path.is_dir() and not any(kind.has_content_of(path) for kind in KINDS)


def require_existing(source: str) -> None:
    """Check that the data exists, without importing a reader.

    Raises:
        DataError: The data does not exist, or it is an empty folder or one that cannot be read.
    """
    path = Path(source)
    if is_named(source):
        return
    if not path.exists():
        raise DataError(
            f"There is no data set {source}.",
            expected=known_kinds(),
            received="neither a known name nor an existing path",
            next_step="check the name or the path",
        )
    if path.is_dir() and next(entries_of(path), None) is None:
        raise DataError(
            f"{source} is empty.",
            expected="files of examples, or a sub-folder of these for each class",
            received="a folder without files",
            next_step="pass the folder that holds the files",
        )


def find_kind(source: str) -> DataKind:
    """Return the kind of the data that the user passed.

    Args:
        source: A name, a path, or ``python:module:function``.
    Raises:
        DataError: The data does not exist, its kind is unknown, or a folder holds files of several kinds.
    """
    require_existing(source)
    path = Path(source)
    if named := [kind for kind in KINDS if kind.is_named_by(source)]:
        return named[0]
    if path.is_dir():
        by_content = [kind for kind in KINDS if kind.has_content_of(path)]
        return by_content[0] if by_content else _kind_of_files_in(path)
    by_suffix = [kind for kind in KINDS if kind.form is Form.FILE and path.suffix.lower() in kind.suffixes]
    # Only regular files are opened, because reading from a pipe would block.
    found = by_suffix or [kind for kind in KINDS if path.is_file() and kind.has_content_of(path)]
    if not found:
        raise DataError(
            f"{source} is not a data set.",
            expected=known_kinds(),
            received="a file of another kind",
            next_step="pass a file of a kind that is listed, or a function that reads this one",
        )
    return found[0]


def _kind_of_files_in(folder: Path) -> DataKind:
    from edgekit.datasets.readers.folders import suffixes_in

    present = suffixes_in(folder)
    found = [kind for kind in KINDS if kind.form is Form.FOLDER and kind.suffixes & present]
    # A folder of images or recordings often has a README.txt or a list of labels.
    kinds = [kind for kind in found if kind is not TEXT_FILES] or found
    if len(kinds) != 1:
        names = [kind.name for kind in KINDS if kind.form is Form.FOLDER]
        raise DataError(
            f"{folder} holds {'files of several kinds' if kinds else 'no files of examples'}.",
            expected=f"{listed(names, 'or')} files, of one kind",
            received=", ".join(sorted(present)) or "no files",
            next_step="keep the files of one kind in the folder",
        )
    return kinds[0]


def _open_digits(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.digits import digits_source

    return digits_source(seed=request.seed)


def _open_mnist(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.downloading import cache_folder
    from edgekit.datasets.mnist import mnist_source

    return mnist_source(cache_folder())


def _open_fashion_mnist(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.downloading import cache_folder
    from edgekit.datasets.mnist import fashion_mnist_source

    return fashion_mnist_source(cache_folder())


def _open_arrays(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.stored_arrays import array_file_source

    return array_file_source(Path(request.name), [each.name for each in inputs], slice_by=request.slice_by)


def _open_table(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.tables import table_source
    from edgekit.datasets.readers.texts import takes_texts, text_table_source

    if len(inputs) != 1:
        raise DataError(
            f"The model has {len(inputs)} inputs, and a table fills only one.",
            expected="an .npz with one array per input, or python:module:function that yields dicts by input name",
            received=request.name,
        )
    if takes_texts(inputs[0]):
        return text_table_source(
            Path(request.name), inputs[0], label_column=request.label_column, slice_by=request.slice_by
        )
    return table_source(Path(request.name), inputs[0], label_column=request.label_column, slice_by=request.slice_by)


def _open_json_lines(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.texts import json_lines_source

    return json_lines_source(Path(request.name), inputs, label_column=request.label_column, slice_by=request.slice_by)


def _open_text_lines(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.texts import text_lines_source

    return text_lines_source(Path(request.name), inputs[0])


def _open_text_folder(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.folders import list_folder
    from edgekit.datasets.readers.texts import text_folder_source

    return text_folder_source(list_folder(Path(request.name), TEXT_FILES.suffixes, slice_by=request.slice_by))


def _open_idx(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.idx import open_idx
    from edgekit.datasets.readers.stored_arrays import arrays_source

    arrays = open_idx(Path(request.name))
    return arrays_source(request.name, arrays, [each.name for each in inputs], slice_by=request.slice_by)


def _open_image_folder(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.folders import list_folder
    from edgekit.datasets.readers.image_folder import image_folder_source

    return image_folder_source(list_folder(Path(request.name), IMAGES.suffixes, slice_by=request.slice_by), inputs[0])


def _open_coco(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.coco import coco_source

    if request.slice_by is not None or len(inputs) != 1:
        raise DataError(
            f"{request.name} has images for the only input of a detector, and nothing to slice by.",
            expected="a model with one input, and no --slice-by",
            received=f"{len(inputs)} inputs" if len(inputs) != 1 else f"--slice-by {request.slice_by}",
        )
    return coco_source(Path(request.name), inputs[0])


def _open_recordings(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.folders import list_folder
    from edgekit.datasets.readers.recordings import recording_source

    return recording_source(list_folder(Path(request.name), WAV.suffixes, slice_by=request.slice_by), inputs[0])


def _open_array_folder(request: DataRequest, inputs: Sequence[ModelInput]) -> Source:
    from edgekit.datasets.readers.array_folders import array_folder_source
    from edgekit.datasets.readers.folders import list_folder

    return array_folder_source(list_folder(Path(request.name), NPY.suffixes, slice_by=request.slice_by))


def _open_function(request: DataRequest, inputs: Sequence[ModelInput]) -> Source | FunctionExamples:
    from edgekit.datasets.readers.functions import open_function

    return open_function(request.name, inputs, seed=request.seed, slice_by=request.slice_by)


def _is_zip(path: Path) -> bool:
    import zipfile

    return path.is_file() and zipfile.is_zipfile(path)


def _is_idx(path: Path) -> bool:
    from edgekit.datasets.readers.idx import find_images, is_idx

    return bool(find_images(path)) if path.is_dir() else is_idx(path)


def _is_coco(path: Path) -> bool:
    return path.is_dir() and any((path / name).is_file() for name in COCO_NAMES)


#: Names of the annotations in a folder of COCO's format; the second is that of Roboflow's exports.
COCO_NAMES = ("annotations.json", "_annotations.coco.json")
IMAGES = DataKind(
    "images",
    Form.FOLDER,
    "one image per example: PNG, JPEG, BMP, GIF, WebP, TIFF, PGM or PPM",
    _open_image_folder,
    suffixes=frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}),
)
WAV = DataKind(
    ".wav",
    Form.FOLDER,
    "one recording per example; of one sample rate, unless the model states its own",
    _open_recordings,
    suffixes=frozenset({".wav", ".wave"}),
)
NPY = DataKind(
    ".npy", Form.FOLDER, "one array per example, without a batch axis", _open_array_folder, suffixes=frozenset({".npy"})
)
TEXT_FILES = DataKind(
    ".txt",
    Form.FOLDER,
    "one text per example",
    _open_text_folder,
    suffixes=frozenset({".txt"}),
)
FUNCTION = DataKind(
    "python:module:function",
    Form.FUNCTION,
    "arrays, or a generator of examples or batches, from a function that is imported and called because you named it",
    _open_function,
    prefix="python:",
)
#: In the order of the help texts. The first kind that recognizes the content of a path opens it.
KINDS = (
    DataKind("digits", Form.NAME, "1,797 scanned digits, built in", _open_digits),
    DataKind("mnist", Form.NAME, "70,000 handwritten digits, downloaded once and checked by SHA-256", _open_mnist),
    DataKind(
        "fashion-mnist",
        Form.NAME,
        "70,000 images of clothes, downloaded once and checked by SHA-256",
        _open_fashion_mnist,
    ),
    DataKind(
        ".npz",
        Form.FILE,
        "arrays `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`; one array per input for several inputs",
        _open_arrays,
        suffixes=frozenset({".npz"}),
        recognizes=_is_zip,
    ),
    DataKind(".npy", Form.FILE, "one array of examples without labels", _open_arrays, suffixes=frozenset({".npy"})),
    DataKind(
        ".csv",
        Form.FILE,
        "one line per example, of numbers or with a column `text`, separated by commas, semicolons or tabs (`.tsv`); "
        "`--label-column` names the labels",
        _open_table,
        suffixes=frozenset({".csv", ".tsv"}),
        has_columns=True,
    ),
    DataKind(
        ".jsonl",
        Form.FILE,
        "one JSON object per line, with a key for each input or the key `text`, and `label`",
        _open_json_lines,
        suffixes=frozenset({".jsonl", ".ndjson"}),
        has_columns=True,
    ),
    DataKind(".txt", Form.FILE, "one text per line, without labels", _open_text_lines, suffixes=frozenset({".txt"})),
    DataKind(
        "IDX",
        Form.FILE,
        "a file of images with its labels beside it, or a folder of these",
        _open_idx,
        recognizes=_is_idx,
    ),
    DataKind(
        "COCO JSON",
        Form.FILE,
        "boxes of objects in images: a `.json` in COCO's format with the images beside it, or the folder of an "
        "`annotations.json`",
        _open_coco,
        suffixes=frozenset({".json"}),
        recognizes=_is_coco,
    ),
    IMAGES,
    WAV,
    NPY,
    TEXT_FILES,
    FUNCTION,
)
