"""A Dask scheduler and its workers, as processes on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


class LoopbackCluster:
    """A scheduler and workers without a nanny, so that a killed worker stays away; a context manager."""

    def __init__(self, folder: Path, workers: int, environment: dict[str, str] | None = None) -> None:
        self._file = folder / "scheduler.json"
        self._folder = folder
        self._processes = [self._started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")]
        while not self._file.exists() or not self._file.read_text().strip():
            assert self._processes[0].poll() is None, "the scheduler ended"
            time.sleep(0.02)
        self.address = str(json.loads(self._file.read_text())["address"])
        common = ("--nthreads", "1", "--no-nanny", "--memory-limit", "2GB", "--local-directory", str(folder))
        self.workers = [
            self._started("worker", *common, "--name", str(number), environment=environment)
            for number in range(workers)
        ]
        self._processes += self.workers
        if workers:
            self._wait_for(workers)

    def __enter__(self) -> LoopbackCluster:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()

    def kill(self, worker: int) -> None:
        """Kill a worker with -9."""
        os.kill(self.workers[worker].pid, signal.SIGKILL)

    def _started(
        self, role: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "dask",
            role,
            "--no-dashboard",
            "--scheduler-file",
            str(self._file),
            *arguments,
        ]
        log = (self._folder / f"{role}.log").open("ab")
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})

    def _wait_for(self, count: int) -> None:
        import distributed

        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LoopbackCluster]]:
    """Starts a cluster of some workers, which ends with the test."""
    pytest.importorskip("distributed", reason="an engine of the cluster extra")
    with ExitStack() as running:
        yield lambda workers, **options: running.enter_context(
            LoopbackCluster(tmp_path_factory.mktemp("cluster"), workers, **options)
        )
