"""Opens files from untrusted sources: it never waits for a pipe and never reads a device."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO


class NotARegularFileError(OSError):
    """The path is a folder, a pipe, a device or a socket; ``strerror`` says which."""


def open_regular_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, or a link to one, for reading.

    Raises:
        FileNotFoundError: The path does not exist.
        NotARegularFileError: The path is a folder, a pipe, a device or a socket.
        OSError: The file cannot be read.
        ValueError: The path contains a null byte.
    """
    # The type is checked before opening, because opening some devices starts them, and again afterwards, because
    # another file may have replaced it meanwhile. Without O_NONBLOCK, opening a pipe would wait for a writer.
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
