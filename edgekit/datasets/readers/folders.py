"""Lists folders with one file per example, and the class, slice and part of each file."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import overload

import numpy as np

from edgekit.datasets.folder_entries import entries_of
from edgekit.datasets.source import Source
from edgekit_runtime.errors import DataError
from edgekit_runtime.regular_file import open_regular_file
from edgekit_runtime.task import UNNAMED

#: Value of ``--slice-by`` if the sub-folders are slices that contain the folders of the classes.
BY_FOLDER = "folder"
HELD_BACK_FOLDERS = ("test", "validation", "val")


@dataclass(frozen=True, slots=True)
class _Group:
    """The files of one folder, which have one class, slice and part.

    Attributes:
        folder: Folder of the files.
        names: Their names, sorted.
        label: Class name, or None.
        slice_name: Name of the slice.
        is_held_back: Whether the files belong to the test part.
    """

    folder: Path
    names: list[str]
    label: str | None
    slice_name: str
    is_held_back: bool


class _Files(Sequence[Path]):
    """Paths of files, made on request: only names are in memory, because a path takes several times as much."""

    def __init__(self, groups: list[_Group]) -> None:
        self._groups = groups
        self._ends = list(accumulate(len(group.names) for group in groups))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, row: int) -> Path: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Path]: ...
    def __getitem__(self, row: int | slice) -> Path | Sequence[Path]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        place = bisect_right(self._ends, row)
        group = self._groups[place]
        return group.folder / group.names[row - self._ends[place]]


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder.

    Attributes:
        folder: Folder that was listed.
        files: One file per example.
        labels: Class names, which are the names of the sub-folders; empty if the files are in the folder itself.
        classes: Class of each file, int64 (N,); None without labels.
        groups: Slice of each file, str (N,), or None.
        held_back: True for the files of the test part, bool (N,); None if there is no such part.
    """

    folder: Path
    files: Sequence[Path]
    labels: tuple[str, ...]
    classes: np.ndarray | None
    groups: np.ndarray | None
    held_back: np.ndarray | None

    def source(self, decode: Callable[[Path], np.ndarray], notes: Callable[[], tuple[str, ...]] = tuple) -> Source:
        """A source that decodes a file when its example is requested."""

        def read(rows: np.ndarray) -> dict[str, np.ndarray]:
            values = [decode(self.files[row]) for row in rows]
            for row, each in zip(rows, values, strict=True):
                # Pixels are scaled and floats are not; stacked together, all would be floats.
                if each.shape != values[0].shape or (each.dtype.kind == "f") != (values[0].dtype.kind == "f"):
                    raise DataError(
                        f"{self.files[row]} has another size or type than {self.files[rows[0]].name}.",
                        expected=f"{values[0].dtype} {values[0].shape}",
                        received=f"{each.dtype} {each.shape}",
                        next_step="save all examples with one size and type",
                    )
            return {UNNAMED: np.stack(values)}

        return Source(
            name=str(self.folder),
            count=len(self.files),
            read=read,
            hashes=lambda: file_hashes(self.files),
            ground_truth={} if self.classes is None else {UNNAMED: self.classes},
            labels=self.labels,
            groups=self.groups,
            held_back=self.held_back,
            name_of=lambda row: str(self.files[row].relative_to(self.folder)),
            notes=notes,
        )


def list_folder(folder: Path, suffixes: frozenset[str], *, slice_by: str | None = None) -> Listing:
    """List the regular files of a folder by class; hidden files are ignored.

    The sub-folders are the classes. If there are two sub-folders ``train`` and ``test`` (or ``validation``, or
    ``val``), they are the two parts and contain the folders of the classes. Files in the folder itself have no class.
    If ``slice_by`` is "folder", the sub-folders are slices, which contain the folders of the classes or files without
    a class.

    Args:
        folder: Folder to list.
        suffixes: Suffixes of the files, in lower case.
        slice_by: "folder" or None.
    Raises:
        DataError: There are no such files, or they are nested too deeply.
    """
    if slice_by not in (None, BY_FOLDER):
        raise DataError(
            f"{folder} has no column {slice_by}: it is a folder.",
            expected=f"--slice-by {BY_FOLDER}, with one sub-folder per slice",
            received=f"--slice-by {slice_by}",
        )
    parts = _parts(folder)
    groups: list[_Group] = []
    for part, is_held_back in parts:
        for slice_folder in _folders(part) if slice_by else [part]:
            for label, (own, names) in _files_by_class(slice_folder, suffixes).items():
                groups.append(_Group(own, names, label, slice_folder.name, is_held_back))
    if not groups:
        endings = ", ".join(sorted(suffixes))
        raise DataError(f"{folder} holds no files of examples.", expected=f"files that end in {endings}")
    _require_one_layout(folder, groups)
    labels = tuple(sorted({group.label for group in groups if group.label is not None}))
    _require_known_classes(groups)
    counts = [len(group.names) for group in groups]
    classes = [labels.index(group.label) for group in groups if group.label is not None]
    return Listing(
        folder=folder,
        files=_Files(groups),
        labels=labels,
        classes=np.repeat(classes, counts) if labels else None,
        groups=np.repeat([group.slice_name for group in groups], counts) if slice_by else None,
        held_back=np.repeat([group.is_held_back for group in groups], counts) if len(parts) > 1 else None,
    )


def file_hashes(files: Sequence[Path]) -> Iterator[bytes]:
    """Hash each file to 16 bytes; equal contents have equal hashes."""
    for path in files:
        with open_regular_file(path) as file:
            yield hashlib.blake2b(file.read(), digest_size=16).digest()


def suffixes_in(folder: Path) -> set[str]:
    """Suffixes of all files in a folder and its sub-folders, in lower case; hidden files are ignored."""
    return {file.suffix.lower() for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")}


def _require_one_layout(folder: Path, groups: list[_Group]) -> None:
    loose = next((group for group in groups if group.label is None), None)
    if loose is not None and any(group.label is not None for group in groups):
        raise DataError(
            f"{folder} has files in the sub-folders of its classes, and some beside these.",
            expected="each file in the sub-folder of its class, or all in one folder",
            received=str(loose.folder / loose.names[0]),
        )


def _require_known_classes(groups: list[_Group]) -> None:
    """Refuse classes that only the held-back part has, because they would change the indices of the others."""
    known = {group.label for group in groups if not group.is_held_back}
    unknown = {group.label or "files without a class" for group in groups if group.label not in known}
    if known and unknown:
        raise DataError(
            "The held-back part has classes that the training part does not have.",
            expected=", ".join(sorted(str(name) for name in known)),
            received=", ".join(sorted(unknown)),
            next_step="add examples of these classes to the training part, or remove them",
        )


def _parts(folder: Path) -> list[tuple[Path, bool]]:
    test = next((part for name in HELD_BACK_FOLDERS if (part := folder / name).is_dir()), None)
    train = folder / "train"
    return [(folder, False)] if test is None or not train.is_dir() else [(train, False), (test, True)]


def _files_by_class(folder: Path, suffixes: frozenset[str]) -> dict[str | None, tuple[Path, list[str]]]:
    found: dict[str | None, tuple[Path, list[str]]] = {}
    if own := _scan(folder, suffixes)[0]:
        found[None] = folder, own
    for sub in _folders(folder):
        files, nested = _scan(sub, suffixes)
        if deeper := next((file for each in nested for file in regular_files(each.rglob("*"), suffixes)), None):
            raise DataError(
                f"{deeper} is nested deeper than the files of a class.",
                expected=f"files in {sub}, or in two parts, the sub-folders train and test",
                received=f"files in {deeper.parent}",
                next_step=f"pass the folder whose sub-folders are the classes, or --slice-by {BY_FOLDER}",
            )
        if files:
            found[sub.name] = sub, files
    return found


def _scan(folder: Path, suffixes: frozenset[str]) -> tuple[list[str], list[Path]]:
    """Names of the regular files that have one of the suffixes and are not hidden, and the sub-folders, both sorted.

    The type of a file comes with its name from the folder, so no file is looked at by itself, except for links.
    """
    names, nested, endings = [], [], tuple(suffixes)
    for entry in entries_of(folder):
        name = entry.name
        if entry.is_dir(follow_symlinks=False):
            nested.append(name)
        elif name.lower().endswith(endings) and not name.startswith(".") and entry.is_file():
            names.append(name)
    return sorted(names), [folder / name for name in sorted(nested)]


def _folders(folder: Path) -> list[Path]:
    found = (folder / entry.name for entry in entries_of(folder) if not entry.name.startswith("."))
    return sorted(sub for sub in found if sub.is_dir())


def regular_files(paths: Iterator[Path], suffixes: frozenset[str]) -> list[Path]:
    """The regular files among ``paths`` that have one of the suffixes and are not hidden, sorted."""
    named = (path for path in paths if path.suffix.lower() in suffixes and not path.name.startswith("."))
    # Reading from a pipe would block, and reading from a device, or a link to one, would never end.
    return sorted(path for path in named if path.is_file())
