"""Receives a model from a workstation on standard input, goes on where an earlier transfer broke off, and installs it.

The device writes one line of JSON with the number of bytes it already has, reads the rest, and writes a second line
with the result of the installation. ``edgekit push`` is on the other end.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import BinaryIO, TextIO

from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.store.installation import Installation, InstallOptions, install
from edgekit_runtime.store.slot import new_slot, store_folder

#: Folder in the store for files that are not complete yet. A model cannot have this name.
_TRANSFERS = ".transfers"
_BLOCK_BYTES = 65_536
#: Size of a .tflite file at most, since its offsets have 32 bits.
_LARGEST_BYTES = 2**31 - 1


def receive(
    file: tuple[str, int], name: str, options: InstallOptions, *, stdin: BinaryIO, stdout: TextIO
) -> Installation:
    """Receive and install a version of a model.

    Args:
        file: SHA-256 of the whole file in hex, and its size in bytes.
        name: Name to install it under.
        options: What the version must show.
        stdin: The bytes that are missing, and nothing else.
        stdout: Gets the first line.
    Raises:
        UsageError: The digest, size or name is invalid.
        DataError: The transfer breaks off, or another one is running, or the bytes have another digest.
        EdgekitError: See :func:`~edgekit_runtime.store.installation.install`.
    """
    digest, size = file
    if re.fullmatch("[0-9a-f]{64}", digest) is None or not 0 < size <= _LARGEST_BYTES:
        raise UsageError(
            "This is not the digest and size of a model.",
            expected="a SHA-256 digest of 64 hexadecimal digits, and a size in bytes",
            received=f"{digest!r:.80}, {size}",
        )
    slot = new_slot(name)
    if digest in slot.digests():
        _write_line(stdout, {"have": size})
        return install(slot.path_of(digest), name, options)
    path = _transfer_path(digest)
    _fetch(path, digest, size, stdin, stdout)
    try:
        return install(path, name, options)
    finally:
        os.unlink(path)


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


def _fetch(path: str, digest: str, size: int, stdin: BinaryIO, stdout: TextIO) -> None:
    """Append the missing bytes to the file of a transfer; what has arrived stays if the connection breaks."""
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
        _write_line(stdout, {"have": have})
        try:
            while have < size:
                block = stdin.read(min(_BLOCK_BYTES, size - have))
                if not block:
                    raise DataError(
                        "The transfer broke off.",
                        expected=f"{size:,} bytes",
                        received=f"{have:,} bytes",
                        next_step="push again: it goes on from there",
                    )
                file.write(block)
                have += len(block)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise DataError("The model could not be stored.", received=str(error)) from error
    if _sha256(path) != digest:
        os.unlink(path)
        raise DataError("The bytes that arrived have another digest.", expected=digest, next_step="push again")


def _sha256(path: str) -> str:
    whole = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            whole.update(block)
    return whole.hexdigest()


def _write_line(stdout: TextIO, fields: dict[str, object]) -> None:
    stdout.write(json.dumps(fields) + "\n")
    stdout.flush()
