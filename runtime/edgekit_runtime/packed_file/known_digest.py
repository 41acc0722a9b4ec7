"""Remembers the digest of a large file beside it, so that it is computed once and not at every load.

``model.tflite`` gets a hidden file ``.model.tflite.digest``. It counts only for the same inode with the same size and
times, and the time of the last change (ctime) cannot be set by programs: after any write, and for a copy of the file,
the digest is computed again. What it cannot show is damage of the storage itself, which changes no time;
``load(path, verify=True)`` computes the digest anew. A signature is never checked with a remembered digest, since
whoever can write the model could write the digest, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import time

from edgekit_runtime.packed_file.mapped_file import MappedFile
from edgekit_runtime.regular_file import open_regular_file

_LARGEST_BYTES = 1000
# The times of a file have steps of up to 2 seconds: a file written just now could change again and keep them.
_SHORTEST_AGE_SECONDS = 2.5


def known_sha256(file: MappedFile, size: int, *, anew: bool) -> str:
    """SHA-256 digest in hex of the first bytes of a mapped file, computed only if it is not known yet.

    Args:
        file: The mapped file.
        size: Number of bytes that the digest covers.
        anew: Whether to compute it even if it is known.
    """
    key = [size, *_identity(file.status)]
    beside = digest_path(file.path)
    known = "" if anew else _read(beside, key)
    if known:
        return known
    digest = hashlib.sha256(memoryview(file.content())[:size]).hexdigest()
    if time.time() - file.status.st_ctime > _SHORTEST_AGE_SECONDS:
        _write(beside, {"key": key, "sha256": digest})
    return digest


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def digest_path(path: str) -> str:
    """Where the digest of a file is remembered."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.digest")


def _read(path: str, key: list[int]) -> str:
    """The digest in the file, empty if there is none for this key."""
    try:
        with open_regular_file(path) as file:
            content = json.loads(file.read(_LARGEST_BYTES))
        digest = content["sha256"] if content["key"] == key else ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    is_digest = isinstance(digest, str) and len(digest) == 64
    return digest if is_digest else ""


def _write(path: str, content: dict[str, object]) -> None:
    """Write the file beside its place and rename it; a folder that cannot be written to remembers nothing."""
    temporary = f"{path}.{os.getpid()}"
    try:
        # O_EXCL does not follow a link that somebody else has put there.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(content).encode())
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
