"""Prints the result of ``edgekit audit``."""

from __future__ import annotations

import click

from edgekit.auditing.audit import Audit
from edgekit.auditing.check import CheckResult, Severity
from edgekit.counting import counted
from edgekit.reports.terminal.tables import print_table

#: Maximum number of findings to show per check; --json contains all of them.
_MOST_FINDINGS = 10
#: Order of the rows, the most severe status first.
_ORDER = ("problem", "remark", "passed", "skipped")


def print_audit(audit: Audit) -> None:
    """Print one row per check, the findings of each check, and the verdict."""
    results = sorted(audit.results, key=lambda result: _ORDER.index(result.status))
    rows = [(result.check, result.status, result.skipped or _number(result)) for result in results]
    print_table(f"{audit.path.name}: audit", ("check", "result", "found"), rows)
    for result in results:
        if result.findings:
            _print_findings(result)
    problems = [result.check for result in results if result.status == Severity.PROBLEM.value]
    skipped = sum(1 for result in results if result.skipped)
    not_run = f" {counted(skipped, 'check')} skipped." if skipped else ""
    click.echo(f"{_verdict(problems)}{not_run}")


def _verdict(problems: list[str]) -> str:
    return f"Problems: {', '.join(problems)}." if problems else "No problems found."


def _number(result: CheckResult) -> str:
    return counted(len(result.findings), "finding") if result.findings else ""


def _print_findings(result: CheckResult) -> None:
    shown = result.findings[:_MOST_FINDINGS]
    rows = [
        (finding.severity.value, f"{finding.subject}: {finding.text}" if finding.subject else finding.text)
        for finding in shown
    ]
    if len(result.findings) > len(shown):
        rows.append(("…", f"{len(result.findings) - len(shown):,} more, which --json shows"))
    print_table(result.check, (), [*rows, ("advice", result.advice)])
