"""What runs on a Dask worker: files are kept by their digest, and a child process of the worker runs each piece."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.jobs.piece_process import PieceProcess
from edgekit_runtime.errors import EdgekitError

_own = threading.local()


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file of a piece.

    Attributes:
        path: Path as the sender sees it.
        sha256: Digest of its content, in hex; of a folder, of all files.
        is_folder: Whether it is a folder, which is not sent: the worker must see it at the same path.
    """

    path: str
    sha256: str
    is_folder: bool


def run_piece(version: str, pickled: bytes, files: Sequence[SentFile], contents: Sequence[bytes]) -> Any:
    """Run a piece in a child of this worker; called by Dask in one of the worker's threads.

    Args:
        version: The sender's version of edgekit.
        pickled: The piece.
        files: Its files.
        contents: Their contents; empty for folders.
    Raises:
        EdgekitError: The piece failed, the versions differ, or the worker does not see a folder.
    """
    import distributed

    import edgekit

    worker = distributed.get_worker()
    if edgekit.__version__ != version:
        raise other_version(worker.address, edgekit.__version__, version)
    places: dict[str, str] = {}
    for file, content in zip(files, contents, strict=True):
        place = _seen_folder(file, worker.address) if file.is_folder else _stored(file, content, worker.local_directory)
        places[file.path] = str(place)
    return _child(worker).run(pickled, places)


def other_version(worker: str, theirs: str, own: str) -> EdgekitError:
    """The error for a worker with another version."""
    return EdgekitError(
        f"The worker {worker} has another version of edgekit.",
        expected=own,
        received=theirs,
        next_step=f"on the worker: pip install edgekit=={own}",
    )


def _stored(file: SentFile, content: bytes, folder: str) -> Path:
    from edgekit_converters.atomic_files import write_bytes

    place = Path(folder) / "edgekit-files" / file.sha256 / Path(file.path).name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(place, content)
    return place


@functools.lru_cache(maxsize=8)
def _seen_folder(file: SentFile, worker: str) -> Path:
    from edgekit_converters.lowering.source_digest import digest

    folder = Path(file.path)
    if not folder.is_dir() or digest(folder) != file.sha256:
        raise EdgekitError(
            f"The worker {worker} does not see the folder {folder} of the model.",
            expected="the same folder at the same path on every worker",
            received="another content" if folder.is_dir() else "no such folder",
            next_step="put it into a folder that all workers share",
        )
    return folder


def _child(worker: Any) -> PieceProcess:
    """The child of this thread, which may use the thread's share of the worker's memory limit."""
    if not hasattr(_own, "child"):
        limit = getattr(worker.memory_manager, "memory_limit", None)
        _own.child = PieceProcess(limit // worker.state.nthreads if limit else None)
    return _own.child
