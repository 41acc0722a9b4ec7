"""The record of a check, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.auditing.context import AuditContext


class Severity(str, Enum):
    """How bad a finding is.

    Attributes:
        PROBLEM: The file is wrong, or its predictions are.
        REMARK: Worth knowing; the file may be right all the same.
    """

    PROBLEM = "problem"
    REMARK = "remark"


class Need(Enum):
    """What a check needs; without it, it is skipped. The value is the reason that the user reads.

    Attributes:
        STRUCTURE: A structure that can be described.
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
    """Something that a check found.

    Attributes:
        severity: How bad it is.
        subject: What it is about: a tensor, an operator, a target; empty for the whole file. Text of the file.
        text: What was found, a sentence.
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
        needs: What it needs.
        judge: Gives what it finds; nothing if all is well.
        advice: What the user can do about its findings.
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
        findings: What it found, in the order of the file.
        advice: What the user can do about it.
        skipped: Why it was not run; empty if it was.
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
        """The fields as plain values; the advice only if there is something to do."""
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
