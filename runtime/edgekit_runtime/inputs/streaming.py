"""Runs a stream of examples on several interpreters in parallel and returns the predictions one by one, in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from edgekit_runtime.execution.session import Session

Result = TypeVar("Result")

# Handing work to a thread costs as much as several invokes of a small model. Examples are therefore handed over in
# groups of those that arrive within a negligible delay. The frames of a camera are handed over one by one.
_GROUP_SECONDS = 0.002
_GROUP_SAMPLES = 32


def predict_in_order(
    samples: Iterable[Any], predict: Callable[[Session, Any], Result], sessions: Sequence[Session]
) -> Iterator[Result]:
    """Call ``predict(session, sample)`` for each example, with one thread per session; see :meth:`Model.stream`."""
    # Imported only when needed, because it also loads the logging package.
    from concurrent.futures import Future, ThreadPoolExecutor

    free = list(sessions)

    def run_group(group: list[Any]) -> tuple[list[Result], BaseException | None]:
        session, predictions = free.pop(), []
        try:
            for sample in group:
                predictions.append(predict(session, sample))
        except BaseException as error:
            return predictions, error
        finally:
            free.append(session)
        return predictions, None

    source = iter(samples)
    pending: deque[Future[tuple[list[Result], BaseException | None]]] = deque()
    threads = ThreadPoolExecutor(len(sessions))
    try:
        group = _next_group(source)
        while group or pending:
            if group:
                pending.append(threads.submit(run_group, group))
            # Finished predictions are yielded before more examples are read, because the source may be slow.
            while pending and (not group or len(pending) > 2 * len(sessions) or pending[0].done()):
                predictions, error = pending.popleft().result()
                yield from predictions
                if error is not None:
                    raise error
            group = _next_group(source) if group else []
    finally:
        threads.shutdown(cancel_futures=True)


def _next_group(source: Iterator[Any]) -> list[Any]:
    """The next examples; an empty list at the end of the stream."""
    group = []
    end = time.monotonic() + _GROUP_SECONDS
    for sample in source:
        group.append(sample)
        if len(group) == _GROUP_SAMPLES or time.monotonic() >= end:
            break
    return group
