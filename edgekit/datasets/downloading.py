"""Downloads files into a cache, resumes interrupted downloads, and verifies digests before files are used."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.progress import progress_bar
from edgekit_runtime.errors import DataError

_BLOCK_BYTES = 1 << 16
_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Download:
    """One file to download.

    Attributes:
        url: Address of the file.
        sha256: SHA-256 of the file, in hex.
        size_bytes: File size in bytes.
    """

    url: str
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rpartition("/")[2]


def cache_folder() -> Path:
    """Folder for downloads: ``EDGEKIT_CACHE`` if it is set, otherwise a folder in the user's cache."""
    if "EDGEKIT_CACHE" in os.environ:
        return Path(os.environ["EDGEKIT_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgekit"


def fetch(downloads: Sequence[Download], folder: Path) -> list[Path]:
    """Return the paths of the files in ``folder`` after downloading those that are missing.

    An interrupted download is resumed.

    Raises:
        DataError: There is no network, or the downloaded content has another digest. The message says what to download
            and where to put it.
    """
    for download in downloads:
        path = folder / download.name
        if path.is_file():
            # The user may have put the file there, so it is not removed.
            _require_digest(path, download, f"delete it to have it downloaded, or put the file of {download.url} there")
            continue
        part = path.with_name(path.name + ".part")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _continue(download, part)
        except (OSError, http.client.HTTPException) as error:
            missing = " ".join(each.url for each in downloads if not (folder / each.name).is_file())
            raise DataError(
                f"{download.name} could not be downloaded.",
                received=str(getattr(error, "reason", error)),
                next_step=f"run again to go on with it, or get {missing} elsewhere and put it into {folder}",
            ) from error
        try:
            _require_digest(part, download, f"run again, or get {download.url} elsewhere and put it into {folder}")
        except DataError:
            part.unlink()
            raise
        part.replace(path)
    return [folder / download.name for download in downloads]


def _continue(download: Download, part: Path) -> None:
    start = part.stat().st_size if part.is_file() else 0
    if start >= download.size_bytes:
        return
    request = urllib.request.Request(download.url, headers={"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
        # Status 206: the server resumes at our offset. Status 200: the server starts over, and so do we.
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        with progress_bar(f"Downloading {download.name}", download.size_bytes) as advance:
            advance(start if resumed else 0)
            with part.open("ab" if resumed else "wb") as file:
                while block := response.read(_BLOCK_BYTES):
                    file.write(block)
                    advance(len(block))
                    if file.tell() > download.size_bytes:
                        break
    if part.stat().st_size < download.size_bytes:
        raise ConnectionError(f"the connection ended after {part.stat().st_size} of {download.size_bytes} bytes")


def _require_digest(path: Path, download: Download, next_step: str) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != download.sha256:
        raise DataError(
            f"{path} is not the file that it should be.",
            expected=f"SHA-256 {download.sha256}",
            received=f"SHA-256 {digest}",
            next_step=next_step,
        )
