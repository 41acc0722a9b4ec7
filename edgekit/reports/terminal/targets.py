"""Prints the results of ``edgekit targets`` and ``edgekit inspect --target``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.reports.terminal.tables import print_table
from edgekit_converters.targets.check import Finding, TargetCheck
from edgekit_converters.targets.rules import rules_for
from edgekit_converters.targets.target import Target

_MOST_FINDINGS = 20


def print_targets(targets: Sequence[Target]) -> None:
    """Print one row per target."""
    rows = [(t.name, t.runtime, t.python, t.machines, str(len(t.highest_versions))) for t in targets]
    print_table("Targets", ("--target", "runtime", "Python", "machines", "operators"), rows)


def print_target(target: Target) -> None:
    """Print one target: facts, operators with their highest versions, and traps."""
    facts = [
        ("runtime", target.runtime),
        ("Python", target.python),
        ("machines", target.machines),
        ("measured on", target.measured_on),
    ]
    print_table(target.name, (), facts)
    rows = [
        (name, "any" if version is None else str(version), ", ".join(target.types.get(name, ())) or "not asked")
        for name, version in sorted(target.highest_versions.items())
    ]
    print_table(f"{target.name}: operators", ("operator", "highest version", "types of its first input"), rows)
    traps = [(rule.name, rule.reason, rule.measured) for rule in rules_for(target.name)]
    if traps:
        print_table(f"{target.name}: traps", ("trap", "what happens", "measured"), traps)


def target_as_dict(target: Target) -> dict[str, Any]:
    """A target with its traps as plain values, for ``--json``."""
    traps = [
        {"name": rule.name, "reason": rule.reason, "next_step": rule.next_step, "measured": rule.measured}
        for rule in rules_for(target.name)
    ]
    return {**target.to_dict(), "traps": traps}


def print_checks(model: str, checks: Sequence[TargetCheck]) -> None:
    """Print the verdict for each target, and the operators that prevent the model from running."""
    rows = [(check.target, "runs" if check.runs else f"does not run: {_count(check)}") for check in checks]
    print_table(f"{model}: targets", ("target", "verdict"), rows)
    for check in checks:
        if check.runs:
            continue
        found = [
            (_place(finding), finding.operator, finding.problem, ", ".join(finding.tensors), finding.next_step)
            for finding in check.findings[:_MOST_FINDINGS]
        ]
        more = len(check.findings) - len(found)
        title = f"{model} on {check.target}" + (f": the first {len(found)} of {len(check.findings)}" if more else "")
        print_table(title, ("#", "operator", "problem", "tensors", "to fix it"), found)


def _count(check: TargetCheck) -> str:
    count = len(check.findings)
    return f"{count} operator{'s' if count > 1 else ''}"


def _place(finding: Finding) -> str:
    """The index of the operator, prefixed with the index of its subgraph if it is in a loop or branch."""
    return f"{finding.number}" if finding.subgraph == 0 else f"{finding.subgraph}/{finding.number}"
