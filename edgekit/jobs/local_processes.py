"""Runs pieces in processes of this machine."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from edgekit.jobs.piece_process import PieceProcess
from edgekit.jobs.pieces import Advance, Piece, results_in_order


class LocalProcesses:
    """Child processes of this one; see ``Workers``. A context manager: the children end with the block.

    Args:
        count: Number of children; they start with the first pieces.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count)
        self._own = threading.local()
        self._children: list[PieceProcess] = []

    def __enter__(self) -> LocalProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.close()

    def results(self, pieces: Iterable[Piece], advance: Advance) -> Iterator[Any]:
        """Yield the result of each piece; see ``Workers``."""

        def submit(piece: Piece) -> Future[Any]:
            return self._pool.submit(self._run, pickle.dumps(piece))

        return results_in_order(pieces, submit, lambda _, future: future.result(), lambda: 2 * self._count, advance)

    def _run(self, pickled: bytes) -> Any:
        if not hasattr(self._own, "child"):
            self._own.child = PieceProcess()
            self._children.append(self._own.child)
        return self._own.child.run(pickled, {})
