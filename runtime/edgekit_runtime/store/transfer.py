"""Files that are being transferred into the store; an interrupted transfer goes on where it broke off."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from edgekit_runtime.errors import DataError
from edgekit_runtime.store.slot import store_folder

#: Folder in the store for files that are not complete yet. A model cannot have this name.
_TRANSFERS = ".transfers"
_BLOCK_BYTES = 65_536
#: Size of a .tflite file at most, since its offsets have 32 bits.
LARGEST_BYTES = 2**31 - 1


class Source(Protocol):
    """What the missing bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


@contextmanager
def transferred(digest: str, size: int, open_rest: Callable[[int], Source]) -> Iterator[str]:
    """Append the missing bytes to the file of a transfer, and yield its path; the file is deleted afterwards.

    Args:
        digest: SHA-256 of the whole file in hex.
        size: Its size in bytes.
        open_rest: Called with the number of bytes that have arrived before; returns the source of the others.
    Raises:
        DataError: The transfer breaks off, or another one is running, or the bytes have another digest.
    """
    path = _transfer_path(digest)
    _fetch(path, size, open_rest)
    try:
        if _sha256(path) != digest:
            raise DataError("The bytes that arrived have another digest.", expected=digest, next_step="try again")
        yield path
    finally:
        os.unlink(path)


def discard(digest: str) -> None:
    """Delete what a transfer left that was interrupted after its model had become a version."""
    with suppress(OSError):
        os.unlink(os.path.join(store_folder(), _TRANSFERS, f"{digest}.part"))


def _transfer_path(digest: str) -> str:
    folder = os.path.join(store_folder(), _TRANSFERS)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The store {store_folder()} cannot be written.",
            received=str(error),
            next_step="log in as the user who owns the store, or set EDGEKIT_STORE there",
        ) from error
    return os.path.join(folder, f"{digest}.part")


def _fetch(path: str, size: int, open_rest: Callable[[int], Source]) -> None:
    """Append the missing bytes; what has arrived stays if the connection breaks."""
    import fcntl

    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError("Another transfer of this model is running.", next_step="wait for it") from error
        have = file.tell()
        if have > size:
            file.truncate(0)
            have = 0
        source = open_rest(have)
        try:
            while have < size:
                block = source.read(min(_BLOCK_BYTES, size - have))
                if not block:
                    raise DataError(
                        "The transfer broke off.",
                        expected=f"{size:,} bytes",
                        received=f"{have:,} bytes",
                        next_step="try again: it goes on from there",
                    )
                file.write(block)
                have += len(block)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise DataError("The model could not be stored.", received=str(error)) from error


def _sha256(path: str) -> str:
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            whole.update(block)
    return whole.hexdigest()
