"""Temporary folders that are removed on the next run if a process was killed.

A process holds a lock on each of its folders, which the system releases however the process ends. A folder that can be
locked is therefore abandoned.
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

#: Only names with this prefix and suffix are ever removed; 0.1.0 did not lock its folders and used other names.
_PREFIX, _SUFFIX = "edgekit-", ".tmp"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield a new folder in the system's temporary folder, which is removed with all its content.

    Args:
        purpose: Part of the folder's name.
    """
    place = Path(tempfile.gettempdir())
    with _locked_folder(place, _PREFIX, f"{_PREFIX}{purpose}-") as folder:
        yield folder


@contextmanager
def temporary_folder_in(place: Path) -> Iterator[Path]:
    """Yield a new hidden folder in ``place``, so that files can be moved to ``place`` by renaming."""
    with _locked_folder(place, "." + _PREFIX, "." + _PREFIX) as folder:
        yield folder


@contextmanager
def private_temporary_files(purpose: str) -> Iterator[None]:
    """Make libraries in this process write their temporary files into a folder, and remove it afterwards."""
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
    """Make a new folder, and return it with the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_SUFFIX, dir=place))
        # Until it is locked, another process may consider the folder abandoned.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, _OPEN_FOLDER)
            # Not every file system supports locks; without them, no folder is ever considered abandoned.
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                return folder, lock
            os.close(lock)


@functools.cache
def _remove_abandoned(place: Path, family: str) -> None:
    """Remove this user's folders of ``family`` in ``place`` whose processes have ended; once per run."""
    with contextlib.suppress(OSError):
        for folder in place.iterdir():
            if folder.name.startswith(family) and folder.name.endswith(_SUFFIX):
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    # Ignore links and other users' folders: in a shared folder anyone can use these names.
    with contextlib.suppress(OSError):
        lock = os.open(folder, _OPEN_FOLDER)
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
