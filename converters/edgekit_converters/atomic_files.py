"""Files written beside their place and renamed into it: a reader sees the old file or the new one, never half."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit_runtime.errors import EdgekitError


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


def _umask() -> int:
    """The process's file mode mask, which the system only tells while setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cannot_write(path: Path, error: OSError) -> EdgekitError:
    return EdgekitError(
        f"{path} could not be written.",
        received=error.strerror or str(error),
        next_step="free some space or choose another folder; the file that stood there before is unchanged",
    )
