"""What a conversion says of the data that it calibrated on."""

from __future__ import annotations

from edgekit.calibration.data import CalibrationReport
from edgekit.counting import counted


def describe(report: CalibrationReport) -> str:
    """One sentence: how many examples, how many classes, which values."""
    facts = [] if report.classes is None else [f"{report.classes} classes"]
    ranges = report.value_range
    facts += [
        f"values {low:.4g} to {high:.4g}" + (f" in {name}" if len(ranges) > 1 else "")
        for name, (low, high) in ranges.items()
    ]
    if report.float_top1 is not None:
        facts.append(f"the float model is right on {report.float_top1:.1%}")
    return (
        "; ".join([f"Calibrated on {counted(report.samples, 'example')} of {report.data}", *facts, *report.notes]) + "."
    )
