"""Defines the record of a check and its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.auditing.context import AuditContext


class Severity(str, Enum):
    """Severity of a finding.

    Attributes:
        PROBLEM: The file or its predictions are wrong.
        REMARK: Worth knowing, but the file may still be right.
    """

    PROBLEM = "problem"
    REMARK = "remark"


class Need(Enum):
    """Requirement of a check, which is skipped without it; the value is the reason shown to the user.

    Attributes:
        STRUCTURE: A structure that can be parsed.
        RUNS: Predictions on this machine.
        DATA: ``--data``.
        REFERENCE: ``--against``.
    """

    STRUCTURE = "the structure is damaged"
    RUNS = "the file does not run here"
    DATA = "needs --data"
    REFERENCE = "needs --against"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a check.

    Attributes:
        severity: Severity of the finding.
        subject: Tensor, operator or target that it concerns, empty for the whole file; the text comes from the file.
        text: Description in one sentence.
    """

    severity: Severity
    subject: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """The fields as plain values."""
        return {"severity": self.severity.value, "subject": self.subject, "text": self.text}


@dataclass(frozen=True, slots=True)
class Check:
    """A check of an audit.

    Attributes:
        name: Check name in reports.
        needs: Requirements of the check.
        judge: Yields the findings; none if there is no problem.
        advice: Advice about its findings.
    """

    name: str
    needs: tuple[Need, ...]
    judge: Callable[[AuditContext], Iterable[Finding]]
    advice: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: Check name.
        findings: Findings, in the order of the file.
        advice: Advice about the findings.
        skipped: Reason why the check was skipped; empty if it was run.
    """

    check: str
    findings: tuple[Finding, ...]
    advice: str
    skipped: str = ""

    @property
    def status(self) -> str:
        """``passed``, ``remark``, ``problem`` or ``skipped``."""
        if self.skipped:
            return "skipped"
        found = {finding.severity for finding in self.findings}
        worst = next((severity for severity in Severity if severity in found), None)
        return worst.value if worst else "passed"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; the advice only if there are findings."""
        fields: dict[str, Any] = {"check": self.check, "status": self.status}
        if self.findings:
            fields |= {"findings": [finding.to_dict() for finding in self.findings], "advice": self.advice}
        return fields | ({"skipped": self.skipped} if self.skipped else {})


def problem(text: str, subject: str = "") -> Finding:
    """A finding that fails the audit."""
    return Finding(Severity.PROBLEM, subject, text)


def remark(text: str, subject: str = "") -> Finding:
    """A finding that does not fail the audit."""
    return Finding(Severity.REMARK, subject, text)
