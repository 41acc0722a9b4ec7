"""Opens the workers that the user asked for."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from edgekit.jobs.pieces import ThisProcess, Workers
from edgekit_runtime.errors import UsageError

_LOCAL = re.compile(r"local:([1-9]\d{0,3})")
_SCHEMES = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")


@contextlib.contextmanager
def open_workers(scheduler: str | None = None, cluster: str | None = None) -> Iterator[Workers]:
    """Yield the workers that run pieces; without arguments, this process.

    Args:
        scheduler: Address of a Dask scheduler, such as ``tcp://host:8786``.
        cluster: ``local:N`` for N processes of this machine.
    Raises:
        UsageError: Both were passed, or one has another form.
        EdgekitError: The scheduler cannot be used.
    """
    if scheduler is not None and cluster is not None:
        raise UsageError("--scheduler and --cluster exclude each other.", expected="one of them", received="both")
    if scheduler is not None:
        if not scheduler.startswith(_SCHEMES):
            raise UsageError(
                f"{scheduler} is not the address of a scheduler.", expected="tcp://HOST:PORT", received=scheduler
            )
        from edgekit.jobs.dask_cluster import DaskCluster

        with DaskCluster(scheduler) as on_dask:
            yield on_dask
    elif cluster is not None:
        count = _LOCAL.fullmatch(cluster)
        if count is None:
            raise UsageError(f"{cluster} is not a cluster.", expected="local:N, such as local:4", received=cluster)
        from edgekit.jobs.local_processes import LocalProcesses

        with LocalProcesses(int(count[1])) as local:
            yield local
    else:
        yield ThisProcess()
