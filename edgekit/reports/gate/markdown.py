"""Renders the result of ``edgekit check`` as Markdown, for a pull request or the summary of a job."""

from __future__ import annotations

import re

from edgekit.counting import counted
from edgekit.regression.results import CheckResult
from edgekit.regression.verdicts import Verdict
from edgekit.reports.gate.table import verdict_sentence

_SIGNS = {Verdict.PASSED: "✅", Verdict.WARNING: "⚠️", Verdict.FAILED: "❌", Verdict.SKIPPED: "➖"}


def check_markdown(result: CheckResult) -> str:
    """A heading, the verdict, and one table per model with failures and warnings first."""
    lines = [f"## edgekit check: {'passed' if result.passed else 'failed'}", "", _escape(verdict_sentence(result)), ""]
    for model in result.models:
        data = f"{counted(model.baseline.samples, 'sample')} of {_escape(model.baseline.data)}"
        lines += [
            f"### {_escape(model.name)}",
            "",
            f"{_escape(model.path.name)}, judged on {data}",
            "",
            "| | rule | allowed | measured | why |",
            "|---|---|---|---|---|",
        ]
        order = (Verdict.FAILED, Verdict.WARNING, Verdict.PASSED, Verdict.SKIPPED)
        for rule in sorted(model.rules, key=lambda rule: order.index(rule.verdict)):
            cells = (_SIGNS[rule.verdict], *map(_escape, (rule.rule, rule.allowed, rule.measured, rule.why)))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Escape text so that Markdown shows it literally, because names of files and tensors are not trusted."""
    plain = " ".join(text.encode(errors="replace").decode().split())
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", plain)
