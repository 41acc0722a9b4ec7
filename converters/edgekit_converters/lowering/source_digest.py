"""Computes the digest of a source from the bytes that were read: a file may be replaced while it is converted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edgekit_runtime.errors import EdgekitError, ModelFileError

_Result = TypeVar("_Result")

_ATTEMPTS = 3
_BLOCK_BYTES = 1 << 20


def digest(source: Path) -> str:
    """SHA-256 of a file, or of all files of a folder including their names."""
    if source.is_file():
        return _digest_of_file(source).hex()
    whole = hashlib.sha256()
    for file in _files(source):
        whole.update(str(file.relative_to(source)).encode() + b"\0" + _digest_of_file(file))
    return whole.hexdigest()


def read_unchanged(source: Path, read: Callable[[], _Result]) -> tuple[_Result, str]:
    """Read a source, and read it again if it changed meanwhile.

    Args:
        source: A file or a folder.
        read: Reads it by path, any number of times.
    Returns:
        The result of ``read``, and the digest of the bytes that it read.
    Raises:
        ModelFileError: The source changed each time.
        EdgekitError: Raised by ``read`` for a source that did not change.
    """
    for _ in range(_ATTEMPTS):
        before = _state(source)
        error, result = None, None
        try:
            result = read()
        except EdgekitError as raised:
            # Half of one file and half of another looks like a damaged file.
            error = raised
        if _state(source) == before:
            if error is not None:
                raise error
            return result, before[0]  # type: ignore[return-value]
    raise ModelFileError(
        f"{source.name} changed while it was read, {_ATTEMPTS} times in a row.",
        expected="a source that nothing writes to",
        next_step="wait until it is complete, or convert a copy",
    )


def _state(source: Path) -> tuple[str, tuple[tuple[int, ...], ...]]:
    """Digest and identity of every file: the times reveal content that was replaced and restored meanwhile."""
    if not source.exists():
        return "", ()
    files = [source] if source.is_file() else _files(source)
    states = [file.stat() for file in files]
    identities = tuple((state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns) for state in states)
    return digest(source), identities


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest_of_file(path: Path) -> bytes:
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            whole.update(block)
    return whole.digest()
