"""Opening files that somebody else may have put in place: no pipe is waited for, and no device is read."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO


class NotARegularFileError(OSError):
    """A folder, a pipe, a device or a socket; ``strerror`` says which."""


def open_regular_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, or what a link to one names, for reading.

    Raises:
        FileNotFoundError: There is nothing at the path.
        NotARegularFileError: It is a folder, a pipe, a device or a socket.
        OSError: It cannot be read.
        ValueError: The path holds a zero byte.
    """
    # Looked at before it is opened, since opening alone sets some devices to work, and again afterwards, since
    # another file may have taken its place. Without O_NONBLOCK a pipe would wait for a writer.
    _require_regular(os.stat(path).st_mode)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _require_regular(os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def _require_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotARegularFileError(errno.EINVAL, "a folder" if stat.S_ISDIR(mode) else "a device or pipe")
