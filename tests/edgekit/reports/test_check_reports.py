"""The result of ``edgekit check`` as JUnit XML, Markdown, workflow commands and JSON, read by the readers of others."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edgekit.regression.baseline.content_digest import ContentDigest
from edgekit.regression.baseline.stored import LatencyRatio, ModelRecord
from edgekit.regression.predictions import PredictionErrors, PredictionScores
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit.reports.gate.github import append_step_summary, runs_on_github, workflow_commands
from edgekit.reports.gate.junit import junit_xml
from edgekit.reports.gate.markdown import check_markdown
from edgekit.reports.gate.table import print_baseline_changes, verdict_sentence

RECORD = ModelRecord(
    file="m.tflite",
    sha256="0" * 64,
    content=ContentDigest("1" * 64, ()),
    size_bytes=1000,
    operators=(("CONV_2D", 3),),
    labels=(),
    provenance=(),
    made_with=(),
    data="digits",
    data_sha256="2" * 64,
    samples=1234,
    top1=0.5,
    mean_absolute_error=None,
    reliability=(),
    answers={},
    latency=LatencyRatio(0.5, 0.4, 0.6, 0.1, "built-in int8", "a machine"),
)
NASTY = 'a <b> & "c" | `d` 100 %\nnext ::error::x \x00\ud800'
RULES = (
    RuleResult("accuracy", Verdict.FAILED, "drop of at most 0.5 points", "99 → 90 %", NASTY),
    RuleResult("size", Verdict.PASSED, "10 %", "1 %", "fine"),
    RuleResult("operators", Verdict.WARNING, "the baseline's", "CONV_2D 3 → 5", "risen"),
    RuleResult("latency", Verdict.SKIPPED, "–", "–", "not asked for"),
)


@pytest.fixture
def failed() -> CheckResult:
    return CheckResult((ModelCheck("a,b:c", Path("models/m.tflite"), None, RECORD, None, RULES),))


@pytest.fixture
def passed() -> CheckResult:
    return CheckResult((ModelCheck("m", Path("m.tflite"), None, RECORD, None, RULES[1:]),))


def test_the_verdict_in_a_sentence(failed: CheckResult, passed: CheckResult) -> None:
    assert verdict_sentence(failed) == "Failed: a,b:c (accuracy)."
    assert verdict_sentence(passed) == "Passed: 1 model, no worse than the baseline allows."
    assert (failed.passed, passed.passed) == (False, True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("top-1", "50.00 %")),
        (
            {
                "top1": None,
                "mean_absolute_error": 0.25,
                "samples": 2,
                "answers": PredictionErrors(np.array([0.0, 0.5])).pack(),
            },
            ("mean absolute error", "0.25"),
        ),
        (
            {"top1": None, "samples": 2, "answers": PredictionScores("pixel_accuracy", np.array([0.5, 1.0])).pack()},
            ("pixel accuracy", "75.00 %"),
        ),
    ],
    ids=["classes", "values", "mask"],
)
def test_the_baseline_table_shows_the_metric_of_the_model(
    changes: dict[str, Any], expected: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    record = replace(RECORD, **changes)
    print_baseline_changes(Path("baseline.json"), {"m": record}, {"m": record})
    output = capsys.readouterr().out
    assert all(text in output for text in expected)
    assert ("top-1" in output) == (record.top1 is not None)


def test_damaged_scores_of_the_old_baseline_do_not_hide_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    packed = PredictionScores("pixel_accuracy", np.array([0.5, 1.0])).pack()
    record = replace(RECORD, top1=None, samples=2, answers=packed)
    damaged = replace(record, answers={**packed, "scale": "much"})
    print_baseline_changes(Path("baseline.json"), {"m": damaged}, {"m": record})
    assert "75.00 %" in capsys.readouterr().out


def test_junit_is_read_by_a_parser_of_others(failed: CheckResult, tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser", reason="an oracle of the dev extra")
    (tmp_path / "junit.xml").write_text(junit_xml(failed), encoding="utf-8")
    report = junitparser.JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    (suite,) = report
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 0, 1)
    cases = {case.name: case for case in suite}
    assert list(cases) == ["accuracy", "size", "operators", "latency"]
    assert {case.classname for case in cases.values()} == {"edgekit.a,b:c"}
    (failure,) = cases["accuracy"].result
    assert isinstance(failure, junitparser.Failure)
    assert failure.message.startswith('99 → 90 %: a <b> & "c" | `d` 100 %')
    assert cases["latency"].is_skipped
    assert cases["size"].is_passed
    assert cases["operators"].system_out.startswith("warning")


def test_junit_keeps_to_the_elements_and_attributes_of_the_common_schema(failed: CheckResult) -> None:
    # junit-10.xsd of Jenkins' xUnit plugin: what may stand where, and which attributes are required.
    allowed = {
        "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors", "skipped"}, set()),
        "testsuite": (
            {"testcase"},
            {"name", "tests", "failures", "errors", "skipped", "time"},
            {"name", "tests", "failures", "errors"},
        ),
        "testcase": ({"failure", "skipped", "system-out"}, {"name", "classname", "time"}, {"name"}),
        "failure": (set(), {"message", "type"}, set()),
        "skipped": (set(), {"message"}, set()),
        "system-out": (set(), set(), set()),
    }
    root = ET.fromstring(junit_xml(failed))
    assert root.tag == "testsuites"
    for element in root.iter():
        children, attributes, required = allowed[element.tag]
        assert {child.tag for child in element} <= children
        assert required <= set(element.attrib) <= attributes


def test_markdown_shows_names_as_they_are_and_failures_first(failed: CheckResult) -> None:
    text = check_markdown(failed)
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[1] for row in rows] == ["accuracy", "operators", "size", "latency"]
    # A cell holds no pipe and no line break of its own.
    assert all(row.replace("\\|", "").count("|") == 6 for row in rows)
    assert 'a \\<b\\> & "c" \\| \\`d\\` 100 % next' in rows[0]
    assert "1,234 samples of digits" in text


def test_workflow_commands_are_one_line_each_and_escaped(failed: CheckResult, tmp_path: Path) -> None:
    error, warning = workflow_commands(failed, Path.cwd())
    assert error.startswith("::error file=models/m.tflite,title=edgekit%3A a%2Cb%3Ac%2C accuracy::99 → 90 %25")
    assert "100 %25%0Anext ::error::x" in error
    assert "\n" not in error
    assert warning.startswith("::warning file=models/m.tflite,title=")
    elsewhere = workflow_commands(failed, tmp_path)
    assert elsewhere[0].startswith("::error file=m.tflite,")


def test_the_summary_is_appended_where_github_names_a_file(failed: CheckResult, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    append_step_summary(failed, {"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text().startswith("before\n## edgekit check: failed")
    append_step_summary(failed, {})
    assert runs_on_github({"GITHUB_ACTIONS": "true"})
    assert not runs_on_github({})


def test_a_summary_that_github_would_refuse_is_cut(passed: CheckResult, tmp_path: Path) -> None:
    many = CheckResult(passed.models * 4000)
    summary = tmp_path / "summary.md"
    append_step_summary(many, {"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.stat().st_size < 2**20
    assert summary.read_text().rstrip().endswith("may not be longer.")


def test_json_fits_the_published_schema(failed: CheckResult, passed: CheckResult) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="an oracle of the dev extra")
    schema = json.loads(resources.files("edgekit.reports").joinpath("check.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for result in (failed, passed):
        jsonschema.validate(json.loads(json.dumps(result.to_dict())), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**passed.to_dict(), "more": 1}, schema)
