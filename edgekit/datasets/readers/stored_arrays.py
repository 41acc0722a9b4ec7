"""Opens arrays in ``.npz`` and ``.npy`` files, and arrays in memory, as sources.

Uncompressed arrays, as ``numpy.savez`` writes them, stay in the file: rows are mapped into memory on request and
released afterwards.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edgekit.datasets.dataset import LARGEST_BYTES
from edgekit.datasets.ground_truth import as_ground_truth
from edgekit.datasets.readers.npy_header import UNREADABLE, read_header, require_unpacked_size
from edgekit.datasets.source import Rows, Source, as_digests, row_hashes
from edgekit_runtime.errors import DataError
from edgekit_runtime.task import UNNAMED

#: Names of the examples and of the ground truth in an .npz whose arrays are not named after the model's inputs.
_EXAMPLES, _GROUND_TRUTH = "x", "y"
_TRAIN, _TEST = "_train", "_test"
_LOCAL_HEADER_BYTES = 30


@dataclass(frozen=True, slots=True)
class MappedArray:
    """An array in a file, none of which is in memory.

    Attributes:
        path: File that contains the array.
        offset: Offset of the values in bytes.
        shape: Shape, with the axis of examples first.
        dtype: Dtype of the values in the file.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        # The file is mapped for each read, because pages that stay mapped count as memory of the process.
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        return plain(np.array(mapped[rows]))


def array_file_source(path: Path, input_names: Sequence[str], *, slice_by: str | None = None) -> Source:
    """Open an ``.npz`` or ``.npy`` file.

    An ``.npz`` contains ``x``, or one array per input of the model under the input's name, and optionally ``y`` and the
    array that ``slice_by`` names. ``x_train`` and ``x_test`` are the two parts.

    Args:
        path: File to open; arrays of Python objects in it are never unpickled.
        input_names: Names of the model's inputs.
        slice_by: Name of the array with the slice of each example.
    Raises:
        DataError: The file is damaged, is too large, or has other arrays.
    """
    return arrays_source(str(path), open_arrays(path), input_names, slice_by=slice_by)


def open_arrays(path: Path) -> dict[str, Rows]:
    """The arrays of an ``.npz`` file by name, or the array of an ``.npy`` file under ``UNNAMED``.

    Raises:
        DataError: The file is damaged, is too large, or contains Python objects.
    """
    try:
        return _open_npy(path) if path.suffix.lower() == ".npy" else _open_npz(path)
    except UNREADABLE as error:
        raise DataError(
            f"{path} could not be read as {path.suffix.lower() or '.npz'}.",
            expected="arrays of numbers, as numpy.savez writes them",
            received=str(error) or type(error).__name__,
            next_step="save it again with numpy.savez or numpy.save, as arrays of numbers",
        ) from error


def named_source(name: str, arrays: Mapping[str, Rows], labels: tuple[str, ...]) -> Source:
    """A source of grayscale images in two parts; training images that are also in the test part are omitted.

    Args:
        name: Name of the dataset, as passed by the user.
        arrays: Images ``x_train`` and ``x_test``, uint8 (N, H, W) or (N, H, W, 1), and their classes ``y_train`` and
            ``y_test``.
        labels: Class names.
    """
    parts = {key: np.asarray(values[:]) for key, values in arrays.items()}
    for key in ("x_train", "x_test"):
        parts[key] = parts[key].reshape(*parts[key].shape[:3], 1)
    is_new = ~np.isin(as_digests(row_hashes(parts["x_train"])), as_digests(row_hashes(parts["x_test"])))
    parts |= {key: parts[key][is_new] for key in ("x_train", "y_train")}
    return replace(arrays_source(name, parts, [UNNAMED]), labels=labels)


def arrays_source(
    name: str, arrays: Mapping[str, Rows], input_names: Sequence[str], *, slice_by: str | None = None
) -> Source:
    """A source of named arrays; see :func:`array_file_source`.

    Raises:
        DataError: The arrays have other names or different lengths.
    """
    train, test = _with_ending(arrays, _TRAIN), _with_ending(arrays, _TEST)
    if inputs_among(train, input_names, slice_by) and inputs_among(test, input_names, slice_by):
        first, second = (_one_part(name, part, input_names, slice_by) for part in (train, test))
        return _joined(first, second)
    return _one_part(name, arrays, input_names, slice_by)


def _one_part(name: str, arrays: Mapping[str, Rows], input_names: Sequence[str], slice_by: str | None) -> Source:
    inputs = inputs_among(arrays, input_names, slice_by)
    if not inputs:
        raise DataError(
            f"{name} has none of the arrays that the model needs.",
            expected=f"{_EXAMPLES}, or one array per input: {', '.join(input_names)}"
            if len(input_names) == 1
            else f"one array per input: {', '.join(input_names)}",
            received=", ".join(sorted(arrays)) or "no arrays",
            next_step="save the arrays under these names",
        )
    lengths = {input_name: values.shape[0] if values.shape else 0 for input_name, values in inputs.items()}
    count = next(iter(lengths.values()))
    if set(lengths.values()) != {count} or count == 0:
        raise DataError(
            f"{name} has no examples." if count == 0 else f"The inputs in {name} have different numbers of examples.",
            expected="as many rows in each array",
            received=", ".join(f"{key or _EXAMPLES}: {rows}" for key, rows in lengths.items()),
            next_step="check how the arrays were saved",
        )
    ground_truth, labels = _ground_truth_among(name, arrays, count)
    return Source(
        name=name,
        count=count,
        read=lambda rows: {input_name: np.asarray(values[rows]) for input_name, values in inputs.items()},
        hashes=lambda: row_hashes(*inputs.values()),
        ground_truth=ground_truth,
        labels=labels,
        groups=None if slice_by is None else _groups(name, arrays, slice_by, count),
    )


def inputs_among(arrays: Mapping[str, Rows], input_names: Sequence[str], slice_by: str | None) -> dict[str, Any]:
    """The arrays for the model's inputs: those named after them, else ``x``, else the only possible one, else none."""
    if set(input_names) <= set(arrays):
        return {input_name: arrays[input_name] for input_name in input_names}
    others = [key for key in arrays if key not in (slice_by, _GROUND_TRUTH) and not key.startswith(_GROUND_TRUTH + "_")]
    only = _EXAMPLES if _EXAMPLES in others else others[0] if len(others) == 1 else None
    return {} if len(input_names) > 1 or only is None else {UNNAMED: arrays[only]}


def _ground_truth_among(
    name: str, arrays: Mapping[str, Rows], count: int
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The ground truth in ``y``, and in ``y_NAME`` for the output of that name, with the class names."""
    ground_truth: dict[str, np.ndarray] = {}
    labels: tuple[str, ...] = ()
    for key, values in arrays.items():
        if key == _GROUND_TRUTH or key.startswith(_GROUND_TRUTH + "_"):
            y = np.asarray(values[np.arange(len(values))]) if values.shape else np.asarray(values)
            found = as_ground_truth(name, y, count)
            ground_truth[key[len(_GROUND_TRUTH) + 1 :]] = found.values
            labels = labels or found.names
    return ground_truth, labels


def _groups(name: str, arrays: Mapping[str, Rows], slice_by: str, count: int) -> np.ndarray:
    values = arrays.get(slice_by)
    if values is None or values.shape != (count,):
        raise DataError(
            f"{name} has no array {slice_by} to slice by.",
            expected=f"{count} values",
            received=f"shape {values.shape}" if values is not None else ", ".join(sorted(arrays)),
        )
    return np.asarray(values[np.arange(count)]).astype(str)


def _with_ending(arrays: Mapping[str, Rows], ending: str) -> dict[str, Rows]:
    return {key.removesuffix(ending): values for key, values in arrays.items() if key.endswith(ending)}


def _joined(first: Source, second: Source) -> Source:
    """Join two parts into one source; the second part is for testing."""

    sizes = [part.read(np.array([0])) for part in (first, second)]
    for key, values in sizes[0].items():
        if key in sizes[1] and values.shape != sizes[1][key].shape:
            raise DataError(
                f"The training and the test examples of {first.name} have different sizes.",
                expected=str(values.shape[1:]),
                received=str(sizes[1][key].shape[1:]),
                next_step="save both parts with examples of one size",
            )

    def read(rows: np.ndarray) -> dict[str, np.ndarray]:
        of_first = rows < first.count
        parts = [part.read(chosen) for part, chosen in
                 ((first, rows[of_first]), (second, rows[~of_first] - first.count)) if len(chosen)]  # fmt: skip
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    both = set(first.ground_truth) & set(second.ground_truth)
    return Source(
        name=first.name,
        count=first.count + second.count,
        read=read,
        hashes=lambda: chain(first.hashes(), second.hashes()),
        ground_truth={key: np.concatenate([first.ground_truth[key], second.ground_truth[key]]) for key in both},
        labels=first.labels,
        groups=None if first.groups is None or second.groups is None else np.concatenate([first.groups, second.groups]),
        held_back=np.arange(first.count + second.count) >= first.count,
        name_of=lambda row: f"train {row}" if row < first.count else f"test {row - first.count}",
    )


def _open_npy(path: Path) -> dict[str, Rows]:
    with path.open("rb") as file:
        return {UNNAMED: _rows_of(path, file, 0)}


def _open_npz(path: Path) -> dict[str, Rows]:
    with path.open("rb") as file:
        arrays: dict[str, Rows] = {}
        with zipfile.ZipFile(file) as archive:
            packed = [member for member in archive.infolist() if member.compress_type != zipfile.ZIP_STORED]
            unpacked = sum(member.file_size for member in packed)
            if unpacked > LARGEST_BYTES:
                raise DataError(
                    f"{path} unpacks to {unpacked / 1e9:,.1f} GB.",
                    expected=f"at most {LARGEST_BYTES / 1e9:.0f} GB",
                    received=f"{path.stat().st_size:,} bytes that state this size",
                    next_step="save it with numpy.savez, which leaves arrays where they can be read piece by piece",
                )
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                key = member.filename.removesuffix(".npy")
                if member in packed:
                    with archive.open(member) as stream:
                        require_unpacked_size(read_header(stream))
                    with archive.open(member) as stream:
                        arrays[key] = plain(np.lib.format.read_array(stream, allow_pickle=False))
                else:
                    start = _data_start(file, member)
                    if start + member.file_size > path.stat().st_size:
                        raise ValueError(f"a member {member.filename} that ends behind the file's end")
                    arrays[key] = _rows_of(path, file, start)
    return arrays


def _data_start(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """The offset of a member's content, after the local header and its two fields of variable length."""
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER_BYTES)
    if header[:4] != b"PK\x03\x04" or len(header) < _LOCAL_HEADER_BYTES:
        raise zipfile.BadZipFile(f"no header for {member.filename}")
    name_bytes, extra_bytes = struct.unpack("<HH", header[26:30])
    return member.header_offset + _LOCAL_HEADER_BYTES + int(name_bytes) + int(extra_bytes)


def _rows_of(path: Path, file: BinaryIO, start: int) -> Rows:
    """The array at an offset in a file; it is mapped unless it must be converted as a whole."""
    file.seek(start)
    header = read_header(file)
    offset, shape, dtype = file.tell(), header.shape, header.dtype
    if offset + header.size_bytes > path.stat().st_size:
        raise ValueError(f"an end before the {header.size_bytes:,} bytes of shape {shape}")
    is_mappable = header.size_bytes > 0 and not header.is_fortran and (dtype == np.uint8 or dtype.kind == "f")
    if is_mappable and len(shape) > 1:
        return MappedArray(path, offset, shape, dtype)
    require_unpacked_size(header)
    file.seek(start)
    return plain(np.lib.format.read_array(file, allow_pickle=False))


def plain(values: np.ndarray) -> np.ndarray:
    """Convert floats to float32, and pixels of any integer type to uint8."""
    if values.dtype.kind == "f":
        # A number too large for float32 becomes infinite, which is refused when examples are read.
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False)
    if values.dtype.kind in "iu" and values.ndim in (3, 4) and values.size and values.min() >= 0:
        return values.astype(np.uint8, copy=False) if values.max() <= 255 else values
    return values
