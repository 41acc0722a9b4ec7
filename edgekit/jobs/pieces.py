"""What a piece of work is, and who runs pieces.

A piece is idempotent: run again after a worker was lost, it gives the same result. Pieces are cut independently of the
number of workers and their results are merged in the order of the pieces, so the sum has the same bits wherever they
ran.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from edgekit_runtime.errors import EdgekitError

#: Returns where a file of the piece is on the machine that runs it.
Locate = Callable[[Path], Path]
#: Called with the number of steps done since the last call.
Advance = Callable[[int], object]

_Submitted = TypeVar("_Submitted")


class WorkersLostError(EdgekitError):
    """No worker is left, so that no piece can be run."""


class Piece(Protocol):
    """A piece of work, which can be pickled."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that the piece needs, such as models, as this process sees them; workers receive them by digest."""

    @property
    def steps(self) -> int:
        """Number of steps, for progress."""

    def run(self, locate: Locate, advance: Advance) -> Any:
        """Do the work and return the result, which can be pickled.

        Raises:
            EdgekitError: The work cannot be done anywhere.
        """

    def failed(self, error: EdgekitError) -> Any:
        """The result to go on with if the piece cannot be run; raises ``error`` if there is none."""


class Workers(Protocol):
    """Runs pieces."""

    def results(self, pieces: Iterable[Piece], advance: Advance) -> Iterator[Any]:
        """Yield the result of each piece in the order of the pieces.

        Args:
            pieces: The pieces; only a few are read ahead.
            advance: Called with the number of steps done since the last call.
        Raises:
            EdgekitError: A piece failed or its worker ended repeatedly, and there is nothing to go on with; or there
                are no workers.
        """


class ThisProcess:
    """Runs one piece after the other in this process; see ``Workers``."""

    def results(self, pieces: Iterable[Piece], advance: Advance) -> Iterator[Any]:
        """Yield the result of each piece; see ``Workers``."""
        for piece in pieces:
            try:
                result = piece.run(Path, advance)
            except EdgekitError as error:
                result = piece.failed(error)
            yield result


def results_in_order(
    pieces: Iterable[Piece],
    submit: Callable[[Piece], _Submitted],
    wait: Callable[[Piece, _Submitted], Any],
    ahead: Callable[[], int],
    advance: Advance,
) -> Iterator[Any]:
    """Submit pieces ahead of the one whose result is awaited, so that workers are busy and memory is bounded.

    Args:
        pieces: The pieces.
        submit: Hands a piece over without waiting.
        wait: Waits for the result of a piece.
        ahead: Returns how many pieces may be submitted at once.
        advance: Called with the steps of each finished piece.
    """
    waiting: deque[tuple[Piece, _Submitted]] = deque()
    source = iter(pieces)
    is_exhausted = False
    while True:
        while not is_exhausted and len(waiting) < ahead():
            piece = next(source, None)
            if piece is None:
                is_exhausted = True
            else:
                waiting.append((piece, submit(piece)))
        if not waiting:
            return
        piece, submitted = waiting.popleft()
        try:
            result = wait(piece, submitted)
        except WorkersLostError:
            raise
        except EdgekitError as error:
            result = piece.failed(error)
        advance(piece.steps)
        yield result
