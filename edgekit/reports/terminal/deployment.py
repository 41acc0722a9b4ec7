"""Prints the results of ``edgekit push``, ``rollback`` and ``status``."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.deployment.index import Index
from edgekit.deployment.results import InstalledModel, Switch
from edgekit.reports.terminal.tables import print_table

#: Digits of a digest that are shown; JSON has all of them.
_SHORT = 12


def print_switches(name: str, switches: Sequence[Switch]) -> None:
    """Print one row per device: failed ones first, each with its reason."""
    rows = [
        (
            switch.device,
            "failed" if switch.error else "switched" if switch.changed else "current already",
            switch.digest[:_SHORT],
            switch.previous[:_SHORT] if switch.changed else "",
            switch.interpreter,
            "" if switch.max_error is None else f"{switch.max_error:.1e}",
            "" if switch.p50_ms is None else f"{switch.p50_ms:.3f}",
            f"{switch.sent_bytes / 1000:,.0f}",
            " ".join(part for part in (switch.error, switch.next_step and f"Next: {switch.next_step}.") if part),
        )
        for switch in sorted(switches, key=lambda switch: switch.passed)
    ]
    columns = ("device", "", "version", "before", "interpreter", "golden error", "ms", "sent kB", "reason")
    print_table(f"{name} on {len(switches)} device{'' if len(switches) == 1 else 's'}", columns, rows)


def print_installed(models: Sequence[InstalledModel]) -> None:
    """Print one row per installed model, and one per device that could not be asked."""
    verdicts = {None: "", True: "passed", False: "failed"}
    rows = [
        (
            model.device,
            model.name,
            model.digest[:_SHORT],
            "" if model.release is None else str(model.release),
            model.since,
            model.interpreter,
            verdicts[model.passed],
            model.verified,
            "" if model.temperature_c is None else f"{model.temperature_c:.0f}",
            model.error,
        )
        for model in models
    ]
    columns = (
        *("device", "model", "version", "release", "since", "interpreter"),
        *("verification", "verified", "°C", "problem"),
    )
    print_table("Installed models", columns, rows)


def print_index(index: Index) -> None:
    """Print one row per model of a signed index."""
    rows = [
        (model.name, str(model.release), model.digest[:_SHORT], f"{model.size_bytes / 1000:,.0f}")
        for model in index.models
    ]
    print_table(f"Index {index.folder}, expires {index.expires}", ("model", "release", "version", "kB"), rows)
