"""A large model file that is mapped into memory instead of read, and that nobody can change while it is in use.

A mapping costs no memory of its own, as with a bare interpreter. But it shows what is in the file: if another program
overwrites the file in place, the weights change unnoticed, and if it truncates the file, native code that reads the
missing part is ended by SIGBUS, which Python cannot catch. (If a file is replaced by renaming another one, as ``mv``
does, those who have it open keep the old content.)

A file is therefore mapped only under a read lease, with which Linux makes a program that opens the file for writing
wait, by default for up to 45 seconds. The lease is checked before each use. If a program is waiting, the content, which
is still the old one, is copied into memory, the interpreters move to the copy, and the program may go on. If it has
waited too long and has changed the file, the next use is an error. Only an invoke that takes longer than those 45
seconds would still read the file while it changes.

Without such a lease (other systems, network file systems, a file of another user, a file that is open for writing), the
file is read into memory. So are small files, which cost little and should make nobody wait.
Source: fcntl(2), "Leases".
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO, Union

from edgekit_runtime.errors import ModelFileError

if TYPE_CHECKING:
    from mmap import mmap

    Content = Union[bytes, mmap]

#: Smaller files are read: at most 2 ms on a Pi, and less than a tenth of the memory of a Python process.
SMALLEST_MAPPED_BYTES = 4_000_000
# mmap.MADV_DONTNEED of Linux.
_DONTNEED = 4


def map_file(file: BinaryIO, path: str | bytes) -> MappedFile | None:
    """Map a regular file that is open for reading; ``None`` if it is small or cannot be protected from changes."""
    if not sys.platform.startswith("linux") or os.fstat(file.fileno()).st_size < SMALLEST_MAPPED_BYTES:
        return None
    try:
        return MappedFile(file, path)
    except OSError:
        return None


class MappedFile:
    """A mapped file under a lease. Any number of threads may use it.

    Args:
        file: File that is open for reading; it may be closed afterwards.
        path: Path of the file.
    Attributes:
        path: Path of the file when it was opened.
        status: Size, times and inode of the file when it was opened.
    Raises:
        OSError: The system cannot map the file, or cannot protect it from changes.
    """

    def __init__(self, file: BinaryIO, path: str | bytes) -> None:
        # Imported here because most models are small.
        import mmap

        self.path = os.fsdecode(path)
        self._descriptor = os.dup(file.fileno())
        _take_lease(self._descriptor)
        self.status = os.fstat(self._descriptor)
        if not os.path.samestat(os.stat(_path_of(self._descriptor)), self.status):
            raise OSError("/proc does not show the files of this process")
        self._map = mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)
        self._copy: bytes | None = None
        self._users = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """File size in bytes."""
        return self.status.st_size

    def __del__(self) -> None:
        # Closing the last descriptor ends the lease. The map has one of its own, which is closed with it.
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    @property
    def is_mapped(self) -> bool:
        """Whether the content is still read from the file, because no other program wants to write into it."""
        return self._copy is None and _has_lease(self._descriptor)

    def content(self) -> Content:
        """The content of the file at the time it was opened: the map, or a copy if another program wants to write.

        Raises:
            ModelFileError: Another program has changed the file.
        """
        # Cheaper than the lock; a lease that ended never comes back.
        if self.is_mapped:
            return self._map
        with self._lock:
            if self._copy is None:
                self._copy = self._read()
            return self._copy

    def path_for_interpreter(self) -> str | None:
        """A path at which exactly this file can be opened, even if another one now has its name.

        ``None`` if interpreters must use the copy.
        """
        if not self.is_mapped:
            return None
        # The interpreter maps the file again. What the checks have read would count twice in this process's memory.
        self._map.madvise(_DONTNEED)
        return _path_of(self._descriptor)

    def enter(self) -> None:
        """Count an interpreter that reads the mapped file."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """Forget such an interpreter; with the last one the lease ends, and other programs may write."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                _end_lease(self._descriptor)

    def _read(self) -> bytes:
        parts, size = [], 0
        while size < len(self):
            part = os.pread(self._descriptor, len(self) - size, size)
            if not part:
                break
            parts.append(part)
            size += len(part)
        # Writing changes at least the time, even if it happened while the file was read here.
        if _identity(os.fstat(self._descriptor)) != _identity(self.status):
            raise ModelFileError(
                "The model's file was overwritten while the model was loaded.",
                expected="the content that was checked when it was loaded",
                received="another content in the same file",
                next_step="load the model again; replace model files by renaming: mv, not cp",
            )
        return b"".join(parts)


def content_of(source: bytes | MappedFile) -> Content:
    """The content of a model that was read or mapped."""
    return source.content() if isinstance(source, MappedFile) else source


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _path_of(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _take_lease(descriptor: int) -> None:
    import fcntl
    import signal

    # Linux signals the process when a lease is broken, by default with SIGIO, which would end it. The lease makes this
    # process the receiver; without a receiver there is no signal, and in between it is one that is ignored by default.
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, 0)


def _has_lease(descriptor: int) -> bool:
    import fcntl

    # While a program waits, this is already what the lease will be: F_UNLCK.
    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK


def _end_lease(descriptor: int) -> None:
    import fcntl

    # It fails if the kernel has ended the lease, because a program has waited for too long.
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
