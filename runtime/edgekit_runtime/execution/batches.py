"""Batches: converts them to the shapes of the inputs, and runs large ones in chunks on several threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.execution.session import Session
from edgekit_runtime.tensor_info import TensorInfo

# Running several examples per invoke saves overhead, until the activations no longer fit into the cache. Measured on
# the reference CNN, int8 and float32, on both interpreters: 8 to 16 examples are best; with 32, float32 is 5 % slower.
_CHUNK_SAMPLES = 12
_CHUNK_BYTES = 256 * 1024
#: Of an invoke this long, the overhead is under 1 %.
_LONG_SECONDS = 0.005
#: What a larger chunk must save to be worth its memory.
_SAVING = 0.03


def chunk_size(sample_bytes: int) -> int:
    """Largest number of examples per invoke, for a model with a free batch size."""
    return max(1, min(_CHUNK_SAMPLES, _CHUNK_BYTES // max(sample_bytes, 1)))


def choose_chunk(seconds_of: Callable[[int], float], most: int) -> int:
    """Choose the number of examples per invoke that takes the least time per example.

    Args:
        seconds_of: Returns the time of one invoke with a number of examples, in seconds.
        most: Largest number of examples.
    """
    best, best_seconds = 1, seconds_of(1)
    if best_seconds > _LONG_SECONDS:
        return 1
    for size in sorted({min(4, most), most} - {1}):
        seconds = seconds_of(size) / size
        if seconds < (1 - _SAVING) * best_seconds:
            best, best_seconds = size, seconds
    return best


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_chunks(run: Callable[[Session, int, int], None], sessions: Sequence[Session], count: int, chunk: int) -> None:
    """Call ``run(session, start, stop)`` for every chunk of ``count`` examples, with one thread per session.

    ``invoke`` releases the GIL. A thread takes the next chunk as soon as it has finished one, so that a slower core
    does not delay the others. The first error stops all threads and is raised here.
    """
    starts = iter(range(0, count, chunk))
    taking = threading.Lock()
    errors: list[BaseException] = []

    def work(session: Session) -> None:
        try:
            while not errors:
                with taking:
                    start = next(starts, None)
                if start is None:
                    return
                run(session, start, min(start + chunk, count))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(session,)) for session in sessions[1:]]
    for thread in threads:
        thread.start()
    work(sessions[0])
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def padded(array: np.ndarray, size: int) -> np.ndarray:
    """The examples of ``array``, with the last one repeated until there are ``size``."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


def conform(batch: Any, inputs: Sequence[TensorInfo], batch_size: int | None) -> list[np.ndarray]:
    """Convert a batch to one array (N, …) per input, each with the right shape and the same N.

    Args:
        batch: Same as for :meth:`edgekit_runtime.model.Model.predict`.
        inputs: Inputs of the model.
        batch_size: Size of their first axis; -1 if it is free, ``None`` if it is not a batch axis.
    Raises:
        TensorMismatchError: An input does not match; the message names it.
    """
    if isinstance(batch, Mapping):
        names = [info.name for info in inputs]
        if set(batch) != set(names):
            raise TensorMismatchError(
                "The inputs do not match the model.", expected=_listed(names), received=_listed(list(batch))
            )
        given = [batch[name] for name in names]
    elif len(inputs) == 1:
        given = [batch]
    else:
        raise TensorMismatchError(
            f"The model has {len(inputs)} inputs.",
            expected=f"a dict with {_listed([info.name for info in inputs])}",
            received=type(batch).__name__,
        )
    arrays = [_conform_one(info, value, batch_size) for info, value in zip(inputs, given)]
    if batch_size is not None and len({len(array) for array in arrays}) > 1:
        raise TensorMismatchError(
            "The inputs are batches of different sizes.",
            expected="the same number of examples for each input",
            received=_listed([f"{i.name}: {len(a)}" for i, a in zip(inputs, arrays)]),
        )
    return arrays


def _conform_one(info: TensorInfo, value: Any, batch_size: int | None) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:
        raise TensorMismatchError(
            f"The values for input {info.name!r} are lists of different lengths.", expected="an array"
        ) from None
    wanted = info.shape
    if batch_size is None:
        if _fits(array.shape, wanted):
            return array
    elif array.ndim == len(wanted) and _fits(array.shape[1:], wanted[1:]):
        return array
    elif _fits(array.shape, wanted[1:]):
        return array[np.newaxis]
    shape = "(" + ", ".join("N" if i == 0 and batch_size else str(s) for i, s in enumerate(wanted)) + ")"
    raise TensorMismatchError(
        f"Input {info.name!r} has the wrong shape.",
        expected=f"{shape}{', where -1 is any size' if -1 in wanted[1:] else ''}",
        received=f"{array.shape}",
        next_step="pass images of any size to classify()" if len(wanted) > 2 and wanted[-1] in (1, 3) else "",
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(w in (-1, s) for s, w in zip(shape, wanted))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(str(name) for name in names)
