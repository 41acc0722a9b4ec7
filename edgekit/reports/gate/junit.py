"""Renders the result of ``edgekit check`` as JUnit XML, with one test suite per model and one test case per rule."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.verdicts import RuleResult, Verdict

#: Characters that XML 1.0 cannot contain, not even escaped; the name of a tensor may contain them.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(result: CheckResult) -> str:
    """The XML that Jenkins, GitLab and other systems read.

    A warning counts as passed, and its text is in ``system-out``.

    Source: the schema of Jenkins' xUnit plugin, ``junit-10.xsd``.
    """
    root = ET.Element("testsuites", {"name": "edgekit check", **_counts(result.models)})
    for model in result.models:
        suite = ET.SubElement(root, "testsuite", {"name": _text(f"edgekit.{model.name}"), **_counts((model,))})
        for rule in model.rules:
            _case(suite, model, rule)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, model: ModelCheck, rule: RuleResult) -> None:
    case = ET.SubElement(
        suite, "testcase", {"name": _text(rule.rule), "classname": _text(f"edgekit.{model.name}"), "time": "0"}
    )
    facts = _text(f"allowed: {rule.allowed}\nmeasured: {rule.measured}\n{rule.why}\nfile: {model.path}")
    if rule.verdict is Verdict.FAILED:
        message = _text(f"{rule.measured}: {rule.why}")
        ET.SubElement(case, "failure", {"message": message, "type": "edgekit.regression"}).text = facts
    elif rule.verdict is Verdict.SKIPPED:
        ET.SubElement(case, "skipped", {"message": _text(rule.why)})
    else:
        ET.SubElement(case, "system-out").text = f"{rule.verdict.value}\n{facts}"


def _counts(models: tuple[ModelCheck, ...]) -> dict[str, str]:
    verdicts = [rule.verdict for model in models for rule in model.rules]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAILED)),
        "errors": "0",
        "skipped": str(verdicts.count(Verdict.SKIPPED)),
        "time": "0",
    }


def _text(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
