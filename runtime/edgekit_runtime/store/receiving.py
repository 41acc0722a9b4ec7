"""Receives a model from a workstation on standard input, goes on where an earlier transfer broke off, and installs it.

The device writes one line of JSON with the number of bytes it already has, reads the rest, and writes a second line
with the result of the installation. ``edgekit push`` is on the other end.
"""

from __future__ import annotations

import json
import re
from typing import BinaryIO, TextIO

from edgekit_runtime.errors import UsageError
from edgekit_runtime.store.installation import Installation, InstallOptions, install
from edgekit_runtime.store.slot import new_slot
from edgekit_runtime.store.transfer import LARGEST_BYTES, discard, transferred


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
    if re.fullmatch("[0-9a-f]{64}", digest) is None or not 0 < size <= LARGEST_BYTES:
        raise UsageError(
            "This is not the digest and size of a model.",
            expected="a SHA-256 digest of 64 hexadecimal digits, and a size in bytes",
            received=f"{digest!r:.80}, {size}",
        )

    def rest_after(have: int) -> BinaryIO:
        stdout.write(json.dumps({"have": have}) + "\n")
        stdout.flush()
        return stdin

    slot = new_slot(name)
    if digest in slot.digests():
        discard(digest)
        rest_after(size)
        return install(slot.path_of(digest), name, options)
    with transferred(digest, size, rest_after) as path:
        return install(path, name, options)
