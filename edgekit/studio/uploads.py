"""Reads request bodies within limits for each body and for all bodies together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio

#: Maximum size of a body with an image, a model, and JSON, in bytes.
MOST_IMAGE_BYTES, MOST_MODEL_BYTES, MOST_JSON_BYTES = 25_000_000, 50_000_000, 1_000_000
#: Maximum total size of all bodies that are being read or processed, in bytes.
_MOST_BYTES_TOGETHER = 250_000_000
_SECONDS = 60.0


class UploadError(Exception):
    """A body was refused.

    Attributes:
        status: HTTP status.
        problem: Reason, for the user.
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status, self.problem = status, problem


class Uploads:
    """Counts the bytes of the bodies that are currently in memory."""

    def __init__(self) -> None:
        self.bytes_held = 0

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Reserve room for one body, which is released at the end of the block."""
        room = Room(self)
        try:
            yield room
        finally:
            self.bytes_held -= room.held


class Room:
    """Room for one body."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self.held = 0

    async def read(self, stream: AsyncIterator[bytes], content_length: str | None, most_bytes: int) -> bytes:
        """Read a body.

        Args:
            stream: Chunks of the body.
            content_length: Value of the Content-Length header, which may be wrong.
            most_bytes: Maximum size in bytes.
        Raises:
            UploadError: The body is too large or too slow, or there is no room at the moment.
        """
        if content_length and content_length.isascii() and content_length.isdigit():
            _require_at_most(int(content_length[:18]), most_bytes)
        pieces: list[bytes] = []
        try:
            with anyio.fail_after(_SECONDS):
                async for piece in stream:
                    self._hold(len(piece))
                    _require_at_most(self.held, most_bytes)
                    pieces.append(piece)
        except TimeoutError:
            raise UploadError(408, f"The upload took longer than {_SECONDS:.0f} seconds.") from None
        return b"".join(pieces)

    def _hold(self, size: int) -> None:
        if self._uploads.bytes_held + size > _MOST_BYTES_TOGETHER:
            raise UploadError(503, "The studio is busy with other uploads. Try again in a moment.")
        self._uploads.bytes_held += size
        self.held += size


def _require_at_most(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise UploadError(413, f"The upload may have {most_bytes / 1e6:.0f} MB at most.")
