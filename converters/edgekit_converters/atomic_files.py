"""Files written beside their place and renamed into it: a reader sees the old file or the new one, never half."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit_runtime.errors import EdgekitError

#: What helps, by what the system says; another folder helps with everything else.
_NEXT_STEPS = {
    errno.ENOSPC: "free some space or choose another folder",
    errno.EDQUOT: "free some space or choose another folder",
    errno.EFBIG: "free some space or choose another folder",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "name a file in a folder",
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it into place when the block succeeds.

    The temporary name ends as ``path`` does, for writers that choose their format by it.

    Raises:
        EdgekitError: The folder cannot be written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".edgekit-", suffix="-" + path.name, dir=path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | bytearray | memoryview) -> None:
    """Write ``data`` to ``path`` in one step; see ``replacing`` for the errors."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` in one step; see ``replacing`` for the errors."""
    write_bytes(path, text.encode())


def require_place(path: Path) -> None:
    """Refuse, before any work is done, a path that cannot become a file.

    Raises:
        EdgekitError: It is a folder, what should be its folder is a file, or that cannot be written.
    """
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if path.is_dir():
        raise _cannot_write(path, OSError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not folder.is_dir():
        raise _cannot_write(path, OSError(errno.ENOTDIR, f"{folder} is a file"))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_write(path, OSError(errno.EACCES, f"no permission to write to {folder}"))


def _umask() -> int:
    """The process's file mode mask, which the system only tells while setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(path: Path, error: OSError) -> EdgekitError:
    return EdgekitError(
        f"{path} could not be written.",
        received=error.strerror or str(error),
        next_step=_NEXT_STEPS.get(error.errno or 0, "choose another folder")
        + "; the file that stood there before is unchanged",
    )
