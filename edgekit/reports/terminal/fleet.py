"""Shows a push to a fleet while it runs, and its result."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgekit.deployment.fleet import FleetHost, FleetPush, HostState
from edgekit.progress import live_table
from edgekit.reports.terminal.tables import print_table
from edgekit_runtime.printable_text import one_line

#: Digits of a digest that are shown; JSON has all of them.
_SHORT = 12
#: Order of the hosts in the live table, after those that failed; states that are not listed come between.
_LIVE_ORDER = {HostState.WAITING: 0, HostState.NOT_REACHED: 2}


def _done(push: FleetPush) -> int:
    return sum(host.state not in _LIVE_ORDER for host in push.hosts)


class FleetProgress:
    """Shows a push to a fleet on stderr: a live table on a terminal, otherwise one short line per host that is done."""

    def __init__(self) -> None:
        self._push: FleetPush | None = None
        self._started: dict[str, float] = {}
        self._is_drawn = sys.stderr.isatty()

    def show(self, push: FleetPush) -> None:
        """Take in the state so far."""
        before = {} if self._push is None else {host.host: host.state for host in self._push.hosts}
        self._push = push
        changed = [host for host in push.hosts if host.state is not before.get(host.host, HostState.NOT_REACHED)]
        for host in changed:
            if host.state is HostState.WAITING:
                self._started[host.host] = time.monotonic()
            elif not self._is_drawn:
                line = f"{_done(push)}/{len(push.hosts)} {one_line(host.host)}: {one_line(self._describe(host))}"
                print(line, file=sys.stderr, flush=True)

    def read(self) -> tuple[str, list[tuple[str, str, str]]]:
        """The title and the rows of the live table: failed hosts, active ones, those that are done, the others."""
        push = self._push
        if push is None:
            return "Reading the inventory", []
        title = f"{push.name}: {_done(push)} of {len(push.hosts)} hosts, wave {push.waves}"
        hosts = sorted(push.hosts, key=lambda host: (not host.error, _LIVE_ORDER.get(host.state, 1)))
        # The title, the headings and their rules take five lines; one is left for the cursor, one for the last row.
        room = max(shutil.get_terminal_size().lines - 7, 1)
        rows = [(host.host, str(host.wave or ""), self._describe(host)) for host in hosts[:room]]
        if len(hosts) > room:
            rows.append((f"{len(hosts) - room} more", "", ""))
        return title, rows

    def _describe(self, host: FleetHost) -> str:
        if host.state is HostState.WAITING:
            return f"installing, {time.monotonic() - self._started.get(host.host, time.monotonic()):.0f} s"
        if host.state is HostState.NOT_REACHED:
            return ""
        reason = host.error.partition("\n")[0]
        return f"{host.state.value}: {reason}" if reason else host.state.value


@contextmanager
def live_fleet() -> Iterator[Callable[[FleetPush], None]]:
    """Show the hosts while the block runs; yield the function that is given each new state."""
    progress = FleetProgress()
    with live_table(("host", "wave", "result"), progress.read):
        yield progress.show


def print_fleet(push: FleetPush) -> None:
    """Print one row per host: failed ones first, each with its reason."""
    hosts = sorted(push.hosts, key=lambda host: not host.error)
    columns = ("host", "", "wave", "version", "interpreter", "golden error", "ms", "sent kB", "reason")
    print_table(summary(push), columns, [_row(host) for host in hosts])


def summary(push: FleetPush) -> str:
    """The result in one sentence."""
    counts = Counter(host.state.value for host in push.hosts)
    said = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{push.name}, version {push.digest[:_SHORT]}: {said}" + (
        f"; wave {push.waves} stopped" if push.stopped else ""
    )


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
