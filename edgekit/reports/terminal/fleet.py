"""Shows a push to a fleet while it runs, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgekit.deployment.fleet import FleetHost, FleetPush, HostState
from edgekit.progress import progress_bar
from edgekit.reports.terminal.tables import print_table

#: Digits of a digest that are shown; JSON has all of them.
_SHORT = 12
_OPEN = (HostState.NOT_REACHED, HostState.WAITING)


@contextmanager
def live_fleet(name: str) -> Iterator[Callable[[FleetPush], None]]:
    """Count the hosts that are done while the block runs; yield the function that is given each new state."""
    with progress_bar(f"Installing {name} on the fleet's hosts", None) as advance:
        done = [0]

        def show(push: FleetPush) -> None:
            now = sum(host.state not in _OPEN for host in push.hosts)
            advance(now - done[0])
            done[0] = now

        yield show


def print_fleet(push: FleetPush) -> None:
    """Print one row per host: failed ones first, each with its reason."""
    hosts = sorted(push.hosts, key=lambda host: not host.error)
    columns = ("host", "", "wave", "version", "interpreter", "golden error", "ms", "sent kB", "reason")
    print_table(summary(push), columns, [_row(host) for host in hosts])


def summary(push: FleetPush) -> str:
    """The result in one sentence."""
    counts = Counter(host.state.value for host in push.hosts)
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{push.name}: {said}" + (f"; wave {push.waves} stopped" if push.stopped else "")


def _row(host: FleetHost) -> tuple[str, ...]:
    return (
        host.host,
        host.state.value,
        str(host.wave or ""),
        host.digest[:_SHORT],
        host.interpreter,
        "" if host.max_error is None else f"{host.max_error:.1e}",
        "" if host.p50_ms is None else f"{host.p50_ms:.3f}",
        f"{host.sent_bytes / 1000:,.0f}",
        " ".join(part for part in (host.error, host.next_step and f"Next: {host.next_step}.") if part),
    )
