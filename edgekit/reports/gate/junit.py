"""The result of ``edgekit check`` as JUnit XML: a test suite a model, a test case a rule."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.verdicts import RuleResult, Verdict

#: XML 1.0 has no place for these, not even escaped; the name of a tensor may hold them.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(result: CheckResult) -> str:
    """The XML that Jenkins, GitLab and others read.

    A warning passes, its text standing in ``system-out``.

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
