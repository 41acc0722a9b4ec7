"""Downloads a file of known size from a web server that is not trusted: bounded bytes, bounded time, no redirects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from edgekit_runtime.errors import DataError, UsageError

#: Seconds that a server may be silent, and that one file may take.
_SILENT_SECONDS, _LONGEST_SECONDS = 30, 1800.0
_BLOCK_BYTES = 65_536


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A redirect is an error, since a server could send the device anywhere in its network."""


class Download:
    """The bytes of a file; reading more than its declared size or for too long is an error."""

    def __init__(self, response: Any, address: str, size: int) -> None:
        self._response, self._address, self._left = response, address, size
        self._end = time.monotonic() + _LONGEST_SECONDS

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        try:
            # read() would wait for all bytes, however slowly they come.
            block: bytes = self._response.read1(min(size, _BLOCK_BYTES))
        except (OSError, HTTPException) as error:
            raise _failed(self._address, str(error)) from error
        self._left -= len(block)
        if self._left < 0:
            raise DataError(f"{self._address} is larger than declared, and is refused.")
        if time.monotonic() > self._end:
            raise DataError(f"{self._address} takes more than {_LONGEST_SECONDS:,.0f} seconds, and is given up.")
        return block

    def read_all(self) -> bytes:
        """All bytes."""
        blocks = []
        while block := self.read(_BLOCK_BYTES):
            blocks.append(block)
        return b"".join(blocks)


@contextmanager
def download(address: str, size: int, start: int = 0) -> Iterator[Download]:
    """Open a file on a web server.

    Args:
        address: Its address.
        size: Its size in bytes at most.
        start: Number of bytes at its beginning to leave out.
    Raises:
        DataError: The server cannot be reached, or does not have the file.
        UsageError: The address is invalid.
    """
    if not address.startswith(("https://", "http://")) or not address.isprintable() or " " in address:
        raise UsageError(
            "This is not the address of an index.",
            expected="https://HOST/FOLDER or http://HOST/FOLDER, without spaces",
            received=f"{address!r:.200}",
        )
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        response = build_opener(_NoRedirects).open(Request(address, headers=headers), timeout=_SILENT_SECONDS)
    except HTTPError as error:
        error.close()
        raise _failed(address, f"HTTP status {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _failed(address, str(getattr(error, "reason", error))) from error
    with response:
        source = Download(response, address, size if response.status != 206 else size - start)
        if response.status != 206:
            _skip(source, start)
        yield source


def _skip(source: Download, start: int) -> None:
    """Leave bytes out that the server sends although they were not asked for."""
    while start and (block := source.read(start)):
        start -= len(block)


def _failed(address: str, received: str) -> DataError:
    return DataError(
        f"{address} could not be downloaded.",
        received=received,
        next_step="check the address, and that this device reaches the server",
    )
