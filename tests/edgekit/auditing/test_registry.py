"""A check needs one record: the audit runs it, skips it without what it needs, and reports its findings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit.auditing import registry
from edgekit.auditing.check import Check, Finding, Need, problem
from edgekit.auditing.context import AuditContext
from edgekit.cli import cli

MODEL = Path(__file__).resolve().parents[2] / "data" / "tflite" / "dense_float32.tflite"


def judge_size(context: AuditContext) -> Iterator[Finding]:
    if len(context.content) > 10:
        yield problem(f"{len(context.content)} bytes", "the file\x1b[31m")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def test_a_check_is_run_once_it_has_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    dummy = Check("dummy", (Need.STRUCTURE,), judge_size, "Make it smaller.")
    monkeypatch.setattr(registry, "CHECKS", (*registry.CHECKS, dummy))
    result = run(MODEL, "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert found["passed"] is False
    assert found["checks"][-1] == {
        "check": "dummy",
        "status": "problem",
        "findings": [{"severity": "problem", "subject": "the file\x1b[31m", "text": f"{MODEL.stat().st_size} bytes"}],
        "advice": "Make it smaller.",
    }
    shown = run(MODEL)
    assert shown.exit_code == 3
    assert "Problems: dummy." in shown.stdout
    assert "Make it smaller." in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_check_is_skipped_without_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    dummy = Check("dummy", (Need.REFERENCE,), judge_size, "Make it smaller.")
    monkeypatch.setattr(registry, "CHECKS", (dummy,))
    result = run(MODEL, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["checks"] == [
        {"check": "dummy", "status": "skipped", "skipped": "needs --against"}
    ]
