"""Writes the report of a push to a fleet: who runs what, what failed and why."""

from __future__ import annotations

import json
from pathlib import Path

from edgekit.deployment.fleet import FleetPush
from edgekit.reports.html.page import Page, PageTable, render
from edgekit.reports.terminal.fleet import summary
from edgekit_converters.atomic_files import require_place, write_text
from edgekit_runtime.errors import UsageError

_FORMATS = (".html", ".json")


def require_report_path(path: Path) -> None:
    """Raise an EdgekitError if no report can be written to a path."""
    if path.suffix not in _FORMATS:
        raise UsageError("This is not a name for a report.", expected=" or ".join(_FORMATS), received=str(path))
    require_place(path)


def write_fleet_report(push: FleetPush, path: Path) -> None:
    """Write the report as JSON or HTML, according to the suffix of the path."""
    if path.suffix == ".json":
        write_text(path, json.dumps(push.to_dict(), indent=1) + "\n")
    else:
        write_text(path, render(_page(push)))


def _page(push: FleetPush) -> Page:
    running = tuple(
        (host.host, host.state.value, str(host.wave or ""), host.digest[:12], host.previous[:12], host.interpreter)
        for host in push.hosts
    )
    failed = tuple((host.host, host.state.value, host.error, host.next_step) for host in push.hosts if host.error)
    tables = [PageTable(("host", "", "wave", "version", "before", "interpreter"), running, "Who runs what")]
    if failed:
        tables.insert(0, PageTable(("host", "", "reason", "next"), failed, "What failed"))
    return Page(
        title=f"{push.name} on a fleet",
        passed=not failed and not push.stopped,
        sentence=summary(push),
        tables=tuple(tables),
        figures=(),
        sections=(),
        footnote="A host without a version has not been reached, or its version is unknown.",
    )
