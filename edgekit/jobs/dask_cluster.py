"""Runs pieces on the workers of a Dask scheduler."""

from __future__ import annotations

import importlib.metadata
import logging
import pickle
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import edgekit
from edgekit.jobs.dask_worker import SentFile, other_version, run_piece
from edgekit.jobs.pieces import Advance, Piece, WorkersLostError, results_in_order
from edgekit_runtime.errors import EdgekitError

#: Pieces submitted per thread of the workers: enough that no worker waits for the next one.
_AHEAD = 3
_CONNECT_TIMEOUT_S = 10
#: How long there may be no worker at all before the work is given up; a lost worker is usually started again.
_WITHOUT_WORKERS_S = 60
#: Attempts at a piece whose files were lost together with the last worker that had them.
_ATTEMPTS = 5


class DaskCluster:
    """The workers of a scheduler; see ``Workers``. A context manager: the connection ends with the block.

    A piece whose worker is lost is run again by Dask on another one.

    Args:
        address: Address of the scheduler, such as ``tcp://host:8786``; certificates for ``tls://`` come from Dask's
            configuration.
    Raises:
        EdgekitError: Dask is not installed, the scheduler does not respond, or it has no worker with this version of
            edgekit.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError as error:
            raise EdgekitError(
                "Dask is not installed.", next_step="pip install 'edgekit[cluster]', here and on every worker"
            ) from error
        # A lost worker is expected, and every error is reported by edgekit.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._address = address
        try:
            self._client = distributed.Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise EdgekitError(
                f"The scheduler {address} does not respond.",
                expected="the address of a running Dask scheduler, such as tcp://host:8786",
                received=str(error).partition("\n")[0],
                next_step="start one (dask scheduler), or fix the address",
            ) from error
        self._sent: dict[Path, tuple[SentFile, Any]] = {}
        try:
            self._require_same_version()
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> DaskCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sent.clear()
        self._client.close()

    def results(self, pieces: Iterable[Piece], advance: Advance) -> Iterator[Any]:
        """Yield the result of each piece; see ``Workers``."""
        return results_in_order(pieces, self._submit, self._result, self._ahead, advance)

    def _ahead(self) -> int:
        return max(1, _AHEAD * sum(self._client.nthreads().values()))

    def _submit(self, piece: Piece) -> Any:
        files = [self._send(path) for path in piece.files]
        return self._client.submit(
            run_piece,
            edgekit.__version__,
            pickle.dumps(piece),
            [file for file, _ in files],
            [content for _, content in files],
            pure=False,
        )

    def _send(self, path: Path) -> tuple[SentFile, Any]:
        """Hand a file to the workers, which pass it on to each other; a folder is only named."""
        from edgekit_converters.lowering.source_digest import digest

        if path not in self._sent:
            file = SentFile(str(path), digest(path), path.is_dir())
            content = b"" if file.is_folder else self._client.scatter(path.read_bytes(), broadcast=True, hash=False)
            self._sent[path] = file, content
        return self._sent[path]

    def _result(self, piece: Piece, future: Any) -> Any:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        for _ in range(_ATTEMPTS):
            try:
                return self._waited(future)
            except EdgekitError:
                raise
            except CancelledError:
                # The last worker that had a file of the piece was lost, and Dask cannot make it again.
                self._sent.clear()
                future = self._submit(piece)
            except KilledWorker as error:
                raise EdgekitError(
                    "A piece of the work ended several workers one after the other.",
                    received=str(error).partition("\n")[0],
                    next_step="give the workers more memory (dask worker --memory-limit)",
                ) from error
            except Exception as error:
                raise EdgekitError(
                    "A worker could not run a piece of the work.", received=f"{type(error).__name__}: {error}"
                ) from error
        raise WorkersLostError(f"The workers of {self._address} were lost {_ATTEMPTS} times in a row.")

    def _waited(self, future: Any) -> Any:
        from distributed import TimeoutError as NotYet

        alone_since: float | None = None
        while True:
            try:
                return future.result(timeout=1)
            except NotYet:
                alone_since = None if self._client.nthreads() else alone_since or time.monotonic()
                if alone_since is not None and time.monotonic() - alone_since > _WITHOUT_WORKERS_S:
                    raise self._no_workers() from None

    def _no_workers(self) -> WorkersLostError:
        return WorkersLostError(
            f"The scheduler {self._address} has no workers.",
            next_step=f"start some: dask worker {self._address} --nthreads 1 --nworkers auto",
        )

    def _require_same_version(self) -> None:
        if not self._client.nthreads():
            raise self._no_workers()
        # A function of the standard library, which also workers without edgekit can run.
        found = self._client.run(importlib.metadata.version, "edgekit", on_error="return")
        for worker, version in found.items():
            if version != edgekit.__version__:
                theirs = version if isinstance(version, str) else "no edgekit"
                raise other_version(worker, theirs, edgekit.__version__)
