"""Writes files atomically: next to their destination, then renamed, so that readers never see a partial file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit_converters import interrupts
from edgekit_converters.temporary_folders import temporary_folder_in
from edgekit_runtime.errors import EdgekitError

_FREE_SPACE = "free some space or choose another folder"
#: What the user can do, by the system's error; choosing another folder helps with all others.
_NEXT_STEPS = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EFBIG: _FREE_SPACE,
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a file in a folder",
}
#: HDF5 includes the system's error number in a message of several lines.
_ERRNO_OF_HDF5 = re.compile(r"errno = (\d+)")
_BLOCK_BYTES = 1 << 20


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, and rename it to ``path`` when the block succeeds.

    The temporary file has the same name as ``path``, for writers that choose the format by the name.

    Raises:
        EdgekitError: The folder is not writable, or the disk is full.
    """
    path = Path(path)
    with _cannot_write_explained(path), _renamed_together(path.parent) as folder:
        yield folder / path.name


@contextmanager
def replacing_together(folder: Path, *, last: str) -> Iterator[Path]:
    """Yield a temporary folder, and move the files that the block wrote into ``folder`` when the block succeeds.

    Args:
        folder: Destination of the files; created if it does not exist.
        last: The file that is renamed after all others. It describes them, so that files of two runs can be told apart
            even if the process is killed between two renames.
    Raises:
        EdgekitError: The folder is not writable, or the disk is full.
    """
    with _cannot_write_explained(folder), _renamed_together(Path(folder), last) as temporary:
        yield temporary


def write_bytes(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write ``data`` to ``path`` atomically; see ``replacing`` for the errors."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically, as UTF-8; see ``replacing`` for the errors."""
    write_bytes(path, text.encode())


def require_place(path: Path) -> None:
    """Reject, before any work is done, a path at which no file can be written.

    Raises:
        EdgekitError: The path is a folder, its parent is a file, or its parent is not writable.
    """
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if path.is_dir():
        raise _cannot_write(path, OSError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not folder.is_dir():
        raise _cannot_write(path, OSError(errno.ENOTDIR, f"{folder} is a file"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_write(path, OSError(errno.EACCES, f"no permission to write to {folder}"))


def require_room(path: Path, size_bytes: int) -> None:
    """Reject, before any work is done, a path in a folder without space for this many bytes.

    The bytes are actually written for a moment, since no system call covers quotas, limits and read-only file systems.

    Raises:
        EdgekitError: The folder is not writable, or the disk is full.
    """
    with _cannot_write_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder_in(path.parent) as folder, (folder / path.name).open("wb", buffering=0) as file:
            for start in range(0, size_bytes, _BLOCK_BYTES):
                block = bytes(min(_BLOCK_BYTES, size_bytes - start))
                if file.write(block) != len(block):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _renamed_together(folder: Path, last: str = "") -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    with temporary_folder_in(folder) as temporary:
        yield temporary
        files = sorted(temporary.iterdir(), key=lambda file: (file.name == last, file.name))
        for file in files:
            if (folder / file.name).is_dir():
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder / file.name))
            _to_disk(file)
        with interrupts.held_back():
            for file in files:
                file.replace(folder / file.name)
        # Some file systems do not support this for folders.
        with contextlib.suppress(OSError):
            _to_disk(folder)


def _to_disk(path: Path) -> None:
    """Wait until the data is on disk: otherwise a renamed file could be empty after a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _cannot_write_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> EdgekitError:
    stated = _ERRNO_OF_HDF5.search(str(error))
    number = int(stated[1]) if stated else error.errno or 0
    return EdgekitError(
        f"{path} could not be written.",
        received=os.strerror(number) if stated else error.strerror or str(error),
        next_step=_NEXT_STEPS.get(number, "choose another folder") + "; the previous file, if any, is unchanged",
    )
