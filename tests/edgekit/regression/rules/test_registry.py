"""A rule needs one record: the gate judges it, the configuration accepts its threshold, and the help describes it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from edgekit.commands.check import threshold_lines
from edgekit.regression.baseline.git import Reference
from edgekit.regression.configuration.changes import find_changes
from edgekit.regression.configuration.sections import load_configuration
from edgekit.regression.rules import registry as rules
from edgekit.regression.rules.rule import Rule, RuleContext
from edgekit.regression.rules.thresholds import Kind, Threshold
from edgekit.regression.verdicts import RuleResult, Verdict

TFLITE = Path(__file__).resolve().parents[3] / "data" / "tflite"
Check = Callable[..., Result]

MAX_KILOBYTES = Threshold("max_kilobytes", Kind.GROWTH, 1000.0, True, "of the whole file")


def judge_kilobytes(context: RuleContext) -> tuple[RuleResult, ...]:
    allowed = context.limits[MAX_KILOBYTES]
    verdict = Verdict.FAILED if context.candidate.size_bytes > 1000 * allowed else Verdict.PASSED
    return (RuleResult("dummy", verdict, f"at most {allowed:g} kB", f"{context.candidate.size_bytes} bytes", "a test"),)


@pytest.fixture
def with_a_dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RULES", (*rules.RULES, Rule("dummy", (MAX_KILOBYTES,), judge_kilobytes)))


def configure(folder: Path, thresholds: str) -> Path:
    path = folder / "edgekit.toml"
    path.write_text(f'data = "data.npz"\nmodels.m.file = "model.tflite"\n[thresholds]\n{thresholds}\n')
    return path


@pytest.mark.usefixtures("with_a_dummy")
def test_a_rule_is_judged_by_its_own_threshold_once_it_has_a_record(tmp_path: Path, check: Check) -> None:
    shutil.copy(TFLITE / "dense_float32.tflite", tmp_path / "model.tflite")
    x = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=x[:, :2])
    configure(tmp_path, "max_slowdown = false")
    updated = check(tmp_path, "--update-baseline")
    assert updated.exit_code == 0, updated.output
    verdicts = {}
    for limit in ("", "max_kilobytes = 0.1"):
        configure(tmp_path, f"max_slowdown = false\n{limit}")
        results = json.loads(check(tmp_path, "--json").stdout)["models"][0]["rules"]
        (verdicts[limit],) = [result["verdict"] for result in results if result["rule"] == "dummy"]
    assert verdicts == {"": "passed", "max_kilobytes = 0.1": "failed"}


@pytest.mark.usefixtures("with_a_dummy")
def test_a_rules_threshold_is_in_the_help_and_its_loosening_is_reported(tmp_path: Path) -> None:
    assert "  max_kilobytes = 1000         # of the whole file" in threshold_lines().splitlines()
    before = load_configuration(configure(tmp_path, "max_kilobytes = 1"))
    now = load_configuration(configure(tmp_path, "max_kilobytes = 2"))
    (found,) = find_changes(Reference("main", before, {}), now, {}, allow_loosening=False)["m"]
    assert (found.rule, found.measured) == ("configuration max_kilobytes", "2.0")


def test_without_the_record_the_threshold_is_refused(tmp_path: Path, check: Check) -> None:
    configure(tmp_path, "max_kilobytes = 1")
    result = check(tmp_path)
    assert result.exit_code == 2
    assert "[thresholds] has an unknown key" in result.stderr
