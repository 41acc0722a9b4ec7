"""Prints the results of ``edgekit devices`` and ``edgekit doctor``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from edgekit.counting import counted, percent
from edgekit.devices.comparison import DeviceComparison
from edgekit.devices.emulation.catalogue import KINDS
from edgekit.devices.emulation.emulated_pi import EmulatedPi
from edgekit.devices.golden_verification import GoldenVerification
from edgekit.devices.workstation import Check
from edgekit.reports.terminal.tables import print_table, print_verdict


def devices_as_dict(built: Mapping[str, EmulatedPi | None]) -> dict[str, Any]:
    """All kinds of emulated Pis as plain values, for ``--json``.

    Args:
        built: Built device by name of its kind, or None.
    """
    entries = [
        {"name": name, "built": device is not None, **(device.to_dict() if device else {})}
        for name, device in built.items()
    ]
    return {"devices": entries}


def print_devices(built: Mapping[str, EmulatedPi | None]) -> None:
    """Print one row per kind of emulated Pi.

    Args:
        built: Built device by name of its kind, or None.
    """
    rows = []
    for name, device in built.items():
        found = f"Python {device.python}, {device.interpreter}, numpy {device.numpy}" if device else "not built"
        size = f"{device.size_bytes / 1e6:.0f} MB" if device else ""
        rows.append((name, KINDS[name].title, found, ", ".join(KINDS[name].processors), size))
    print_table("Emulated Pis", ("name", "what", "installed", "processors", "size"), rows)


def print_built(device: EmulatedPi) -> None:
    """Print the versions on an emulated Pi, its folder and its size."""
    click.echo(f"{device.name}: Python {device.python}, {device.interpreter}, numpy {device.numpy} on {device.machine}")
    click.echo(f"{device.folder}, {device.size_bytes / 1e6:.0f} MB")


def print_verifications(verifications: Sequence[GoldenVerification]) -> None:
    """Print one row per model and device."""
    rows = [
        (
            verification.model.name,
            verification.device,
            verification.interpreter,
            f"{verification.top1_equal} of {verification.examples}",
            f"{verification.max_error:.1e}",
            f"{verification.tolerance:.1e}",
            "passed" if verification.passed else "failed",
        )
        for verification in verifications
    ]
    columns = ("model", "device", "interpreter", "agreement", "max error", "allowed", "")
    print_table("Golden examples", columns, rows)


def print_comparisons(comparisons: Sequence[DeviceComparison]) -> None:
    """Print one row per output, model and device."""
    reference, samples = comparisons[0].reference, comparisons[0].samples
    rows = [
        (
            comparison.model.name + (f", output {output.name}" if len(comparison.outputs) > 1 else ""),
            comparison.device.name,
            f"{comparison.device.interpreter}, {comparison.device.machine}",
            percent(output.top1_agreement),
            percent(output.equal),
            f"{output.max_error:.1e}",
            "–" if output.max_steps is None else str(output.max_steps),
            percent(output.device_top1),
            percent(output.reference_top1),
        )
        for comparison in comparisons
        for output in comparison.outputs
    ]
    columns = (
        "model", "device", "interpreter", "agreement", "equal values", "max error", "steps", "top-1", "reference",
    )  # fmt: skip
    print_table(
        f"{samples} inputs, against {reference.name} ({reference.interpreter}, {reference.machine})", columns, rows
    )
    missed = [comparison for comparison in comparisons if comparison.failures]
    if not missed:
        # Failures are reported at the end, as an error.
        devices = counted(len({comparison.device.name for comparison in comparisons}), "device")
        print_verdict(
            f"Passed: the same predictions on {devices} as on {reference.name}, within rounding.", passed=True
        )


def print_workstation(checks: Sequence[Check]) -> None:
    """Print one row per part of this machine."""
    rows = [(check.name, check.status, check.found, check.fix) for check in checks]
    print_table("This machine", ("part", "status", "found", "to fix it"), rows)
