"""Temporary folders that a killed process leaves behind only until the next run.

A process holds a lock on each of its folders, which the system releases however the process ends. A folder that can
be locked therefore belongs to nobody any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Only names with both ends are ever removed; 0.1.0 did not lock its folders and named them otherwise.
_PREFIX, _SUFFIX = "edgekit-", ".tmp"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield a new folder in the system's temporary folder; it is removed with everything in it.

    Args:
        purpose: Part of the folder's name.
    """
    place = Path(tempfile.gettempdir())
    with _locked_folder(place, _PREFIX, f"{_PREFIX}{purpose}-") as folder:
        yield folder


@contextmanager
def temporary_folder_in(place: Path) -> Iterator[Path]:
    """Yield a new hidden folder in ``place``, from which files can be renamed into it."""
    with _locked_folder(place, "." + _PREFIX, "." + _PREFIX) as folder:
        yield folder


@contextmanager
def private_temporary_files(purpose: str) -> Iterator[None]:
    """Let libraries of this process write their temporary files into a folder that is removed with them."""
    before = tempfile.tempdir
    with temporary_folder(purpose) as folder:
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


@contextmanager
def _locked_folder(place: Path, family: str, prefix: str) -> Iterator[Path]:
    _remove_abandoned(place, family)
    folder, lock = _make_locked(place, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make_locked(place: Path, prefix: str) -> tuple[Path, int]:
    """A new folder and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_SUFFIX, dir=place))
        # Another process may take the folder for abandoned until it is locked.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, _OPEN_FOLDER)
            # Not every file system has locks; without them, nothing is ever taken for abandoned.
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


@functools.cache
def _remove_abandoned(place: Path, family: str) -> None:
    """Remove this user's folders of ``family`` in ``place`` whose processes have ended; once in each run."""
    with contextlib.suppress(OSError):
        for folder in place.iterdir():
            if folder.name.startswith(family) and folder.name.endswith(_SUFFIX):
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    # Neither a link nor another user's folder: in a shared place anybody can choose these names.
    with contextlib.suppress(OSError):
        lock = os.open(folder, _OPEN_FOLDER)
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
