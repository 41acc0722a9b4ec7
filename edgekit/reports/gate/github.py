"""Writes output for GitHub Actions: the job summary, and annotations of the model file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edgekit.regression.results import CheckResult
from edgekit.regression.verdicts import Verdict
from edgekit.reports.gate.markdown import check_markdown
from edgekit_runtime.errors import EdgekitError

_COMMANDS = {Verdict.FAILED: "error", Verdict.WARNING: "warning"}
#: GitHub does not show larger summaries of a step.
_LARGEST_SUMMARY_BYTES = 1_000_000


def runs_on_github(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a step of a GitHub workflow."""
    return environment.get("GITHUB_ACTIONS") == "true"


def workflow_commands(result: CheckResult, root: Path) -> list[str]:
    """One workflow command for each rule that failed or gave a warning.

    Args:
        result: Result of the check.
        root: Root of the repository, to which the path of the annotated file is relative.
    Source: GitHub, "Workflow commands for GitHub Actions".
    """
    commands = []
    for model in result.models:
        path = model.path.resolve()
        file = path.relative_to(root.resolve()) if path.is_relative_to(root.resolve()) else Path(path.name)
        for rule in model.rules:
            if rule.verdict in _COMMANDS:
                title = _property(f"edgekit: {model.name}, {rule.rule}")
                message = _data(f"{rule.measured} (allowed: {rule.allowed}). {rule.why}")
                commands.append(f"::{_COMMANDS[rule.verdict]} file={_property(str(file))},title={title}::{message}")
    return commands


def append_step_summary(result: CheckResult, environment: Mapping[str, str] = os.environ) -> None:
    """Append the Markdown to the file that ``GITHUB_STEP_SUMMARY`` names; do nothing if it is not set.

    Raises:
        EdgekitError: The file cannot be written.
    """
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    text = check_markdown(result).encode()
    if len(text) > _LARGEST_SUMMARY_BYTES:
        text = text[:_LARGEST_SUMMARY_BYTES].rsplit(b"\n", 1)[0] + b"\n\nCut here: a summary may not be longer.\n"
    try:
        with Path(name).open("ab") as file:
            file.write(text + b"\n")
    except OSError as error:
        raise EdgekitError(f"The step's summary {name} could not be written.", received=str(error)) from error


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
