"""Runs independent jobs in child processes of this machine, as many at once as cores and memory allow.

The children stay for the following jobs, so that what they have loaded is loaded once; a job whose process is killed is
run once more in a new one. The children end with this process, also if it is killed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from edgekit.jobs.memory import tree_bytes
from edgekit_runtime.errors import EdgekitError

#: Attempts at a job whose process is killed.
_ATTEMPTS = 2
_SECONDS_BETWEEN_SAMPLES = 0.3
#: An estimate is corrected by what the jobs so far have used, within these factors.
_LEAST_CORRECTION, _MOST_CORRECTION = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class Job:
    """A call that may be repeated with the same result.

    Attributes:
        name: Name for messages.
        function: Function of a module, which can be pickled.
        arguments: Its arguments, which can be pickled.
        memory_bytes: Estimated memory of the call.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Attributes:
        result: Returned value; None if the job failed.
        error: Why the job failed; None if it succeeded.
    """

    result: Any = None
    error: EdgekitError | None = None


#: Called when a job starts, and with its outcome when it has ended.
OnStart = Callable[[Job], object]
OnOutcome = Callable[[Job, Outcome], object]


def run_jobs(
    jobs: Sequence[Job],
    *,
    processes: int,
    memory_bytes: int,
    on_start: OnStart = lambda _job: None,
    on_outcome: OnOutcome = lambda _job, _outcome: None,
) -> list[Outcome]:
    """Run jobs; one that fails does not stop the others.

    Args:
        jobs: The jobs.
        processes: Most jobs at once.
        memory_bytes: Memory that running jobs may use together; a single job always runs.
        on_start: Called when a job starts.
        on_outcome: Called with each outcome as it arrives.
    Returns:
        The outcomes, in the order of the jobs.
    """
    return _Run(jobs, processes, memory_bytes).outcomes(on_start, on_outcome)


class _Child:
    """A child process and the job that it runs."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _sigint_blocked():
            self.process.start()
        theirs.close()
        self.index = -1
        self.peak_bytes = 0

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextlib.contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Let Ctrl-C wait until a child has started; the child inherits the block, and is ended by its parent."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Run:
    def __init__(self, jobs: Sequence[Job], processes: int, memory_bytes: int) -> None:
        self._jobs, self._processes, self._memory_bytes = jobs, processes, memory_bytes
        self._waiting = list(range(len(jobs)))
        self._idle: list[_Child] = []
        self._busy: list[_Child] = []
        self._attempts = [0] * len(jobs)
        self._outcomes: dict[int, Outcome] = {}
        self._correction = 1.0

    def outcomes(self, on_start: OnStart, on_outcome: OnOutcome) -> list[Outcome]:
        try:
            while self._waiting or self._busy:
                while (index := self._next()) is not None:
                    self._start(index, on_start)
                connections = [child.connection for child in self._busy]
                ready = multiprocessing.connection.wait(connections, _SECONDS_BETWEEN_SAMPLES)
                for child in list(self._busy):
                    child.peak_bytes = max(child.peak_bytes, tree_bytes(child.process.pid or 0))
                    if child.connection in ready:
                        self._receive(child, on_outcome)
        finally:
            for child in (*self._busy, *self._idle):
                child.close()
        return [self._outcomes[index] for index in range(len(self._jobs))]

    def _next(self) -> int | None:
        """The first waiting job whose memory is free."""
        if len(self._busy) >= self._processes:
            return None
        used = sum(max(child.peak_bytes, self._need(child.index)) for child in self._busy)
        fitting = (i for i in self._waiting if not self._busy or used + self._need(i) <= self._memory_bytes)
        return next(fitting, None)

    def _need(self, index: int) -> int:
        return int(self._correction * self._jobs[index].memory_bytes)

    def _start(self, index: int, on_start: OnStart) -> None:
        self._waiting.remove(index)
        child = self._idle.pop() if self._idle else _Child()
        child.index, child.peak_bytes = index, 0
        self._busy.append(child)
        if not self._attempts[index]:
            on_start(self._jobs[index])
        self._attempts[index] += 1
        job = self._jobs[index]
        # If the child was killed while it was idle, _receive starts another one.
        with contextlib.suppress(OSError):
            child.connection.send((job.function, job.arguments))

    def _receive(self, child: _Child, on_outcome: OnOutcome) -> None:
        self._busy.remove(child)
        index = child.index
        try:
            outcome = child.connection.recv()
        except (EOFError, OSError):
            child.close()
            if self._attempts[index] < _ATTEMPTS:
                self._waiting.insert(0, index)
                return
            outcome = Outcome(error=_killed(self._jobs[index], child.process.exitcode))
        else:
            self._idle.append(child)
            self._correct(child)
        self._outcomes[index] = outcome
        on_outcome(self._jobs[index], outcome)

    def _correct(self, child: _Child) -> None:
        if child.peak_bytes:
            seen = child.peak_bytes / max(1, self._jobs[child.index].memory_bytes)
            # Half of the way, so that one unusual job does not decide alone.
            corrected = (self._correction + seen) / 2
            self._correction = min(max(corrected, _LEAST_CORRECTION), _MOST_CORRECTION)


def _killed(job: Job, code: int | None) -> EdgekitError:
    return EdgekitError(
        f"The process for {job.name} was ended {_ATTEMPTS} times.",
        received=f"signal {-code}" if code is not None and code < 0 else f"exit code {code}",
        next_step="use fewer jobs at once (--jobs 1), or a machine with more memory",
    )


def _serve(connection: Connection) -> None:
    """Run the calls that the parent sends, until it closes the connection."""
    from edgekit_converters.lowering.fork_server import fork_server

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    requests: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while True:
                requests.put(connection.recv())
        except (EOFError, OSError):
            # The parent has ended: a call that still runs would write beside the next parent.
            os._exit(1)

    threading.Thread(target=receive, daemon=True).start()
    with fork_server():
        while True:
            connection.send(_outcome(*requests.get()))


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(function(*arguments))
    except EdgekitError as error:
        return Outcome(error=error)
    except Exception as error:
        return Outcome(error=EdgekitError("The job failed unexpectedly.", received=f"{type(error).__name__}: {error}"))
