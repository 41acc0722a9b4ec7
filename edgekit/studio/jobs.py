"""Runs the slow work of the studio: edgekit commands in child processes, one at a time, with JSON results."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from edgekit.studio.models import error_fields
from edgekit_runtime.errors import ConversionError, EdgekitError, UsageError

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
#: Maximum number of waiting jobs, and of jobs whose results are kept.
_MOST_WAITING, _MOST_KEPT = 8, 32
_SECONDS = 3600.0
_LARGEST_OUTPUT = 50_000_000

#: Converts the JSON of the commands to the result for the page.
Finish = Callable[[Any], Any]


@dataclass(slots=True)
class Job:
    """One job of one or more commands.

    Attributes:
        identifier: Identifier for requests of the page.
        owner: Session that the job belongs to; empty if every session may see it.
        key: Key of the job; requests with the same owner and key share one job.
        state: ``waiting``, ``running``, ``done`` or ``failed``.
        result: Result for the page once the job is done.
        error: Fields of the error once the job has failed.
    """

    identifier: str
    owner: str
    key: tuple[str, ...]
    state: str = WAITING
    result: Any = None
    error: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The fields for the page, without the owner."""
        return {"id": self.identifier, "state": self.state, "result": self.result, "error": self.error or None}


class Jobs:
    """All jobs; use as a context manager, so that no child process outlives it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="studio-job")

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            if self._child is not None:
                _end(self._child)
        self._worker.shutdown(wait=True, cancel_futures=True)

    def start(
        self,
        owner: str,
        key: tuple[str, ...],
        arguments: Sequence[Sequence[str]],
        finish: Finish,
        *,
        again: bool = False,
    ) -> Job:
        """Run commands one after the other, unless the same job exists already.

        Args:
            owner: Session that the result belongs to; empty if every session may see it.
            key: Key that distinguishes this job from others of the owner.
            arguments: Arguments of ``edgekit`` for each command; ``--json`` is added.
            finish: Called with the list of the commands' outputs.
            again: Whether to run the commands again even if there is a result.
        Raises:
            UsageError: Too many jobs are waiting.
        """
        with self._lock:
            usable = (WAITING, RUNNING) if again else (WAITING, RUNNING, DONE)
            same = [job for job in self._jobs.values() if (job.owner, job.key) == (owner, key) and job.state in usable]
            if same:
                return same[0]
            if sum(job.state in (WAITING, RUNNING) for job in self._jobs.values()) >= _MOST_WAITING:
                raise UsageError("The studio is busy.", next_step="wait until the work that is under way has ended")
            self._forget_oldest()
            job = Job(secrets.token_urlsafe(12), owner, key)
            self._jobs[job.identifier] = job
        self._worker.submit(self._run, job, [list(each) for each in arguments], finish)
        return job

    def get(self, identifier: str, owner: str) -> Job | None:
        """The job with this identifier if the owner may see it, otherwise None."""
        with self._lock:
            job = self._jobs.get(identifier)
            return job if job is not None and job.owner in ("", owner) else None

    def _forget_oldest(self) -> None:
        ended = [job.identifier for job in self._jobs.values() if job.state in (DONE, FAILED)]
        for identifier in ended[: max(0, len(self._jobs) - _MOST_KEPT + 1)]:
            del self._jobs[identifier]

    def _run(self, job: Job, commands: list[list[str]], finish: Finish) -> None:
        job.state = RUNNING
        try:
            job.result = finish([self._output(arguments) for arguments in commands])
            job.state = DONE
        except EdgekitError as error:
            job.error, job.state = error_fields(error), FAILED
        # Whatever it was, the page must not wait for ever.
        except Exception as error:
            job.error = error_fields(ConversionError(f"An unexpected error: {type(error).__name__}: {error}"))
            job.state = FAILED

    def _output(self, arguments: list[str]) -> Any:
        command = [sys.executable, "-m", "edgekit", *arguments, "--json"]
        with self._lock:
            if self._closed:
                raise UsageError("The studio has ended.")
            # A separate process group: Ctrl-C in the terminal goes to the studio, which then ends the whole group.
            self._child = child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            output, _ = child.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise ConversionError("The command took longer than an hour and was ended.") from None
        finally:
            _end(child)
            with self._lock:
                self._child = None
        return _parsed(output, child.returncode, arguments[0])


def _parsed(output: bytes, exit_code: int, name: str) -> Any:
    try:
        content = json.loads(output[:_LARGEST_OUTPUT])
    except ValueError:
        raise ConversionError(
            f"edgekit {name} ended without a result (exit code {exit_code}).",
            next_step="run the command in a terminal to see why",
        ) from None
    if isinstance(content, dict) and {"error", "problem"} <= set(content):
        parts = {part: str(content.get(part, "")) for part in ("expected", "received", "next_step")}
        raise ConversionError(str(content["problem"]), **parts)
    return content


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and the processes that it started."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
