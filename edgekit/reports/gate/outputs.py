"""Writes the other outputs of ``edgekit check``: reports, the history, MLflow and GitHub."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgekit.regression.history import append_history, current_commit, history_entries
from edgekit.regression.results import CheckResult
from edgekit.reports.gate.github import append_step_summary, runs_on_github
from edgekit.reports.gate.junit import junit_xml
from edgekit.reports.gate.markdown import check_markdown
from edgekit_converters.atomic_files import write_text
from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class CheckOutputs:
    """The outputs to write; None omits an output.

    Attributes:
        junit: Path of the JUnit XML file.
        markdown: Path of the Markdown file.
        html: Path of the HTML report.
        history: Path of the history, to which one line per model is appended.
        mlflow: Name of the MLflow experiment.
    """

    junit: Path | None
    markdown: Path | None
    html: Path | None
    history: Path | None
    mlflow: str | None


def write_outputs(result: CheckResult, outputs: CheckOutputs, folder: Path) -> tuple[list[str], list[EdgekitError]]:
    """Write every output that can be written.

    Args:
        result: Result of the check.
        outputs: Outputs to write.
        folder: Folder in the repository, whose commit is stored in the history and in MLflow.
    Returns:
        Names of the written outputs, and one error for each output that could not be written.
    """
    written, errors = [], []
    for name, write in _writers(result, outputs, folder):
        try:
            write()
            written.append(name)
        except EdgekitError as error:
            errors.append(error)
    return written, errors


def _writers(result: CheckResult, outputs: CheckOutputs, folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name of each output with the function that writes it."""
    texts = ((outputs.junit, junit_xml), (outputs.markdown, check_markdown), (outputs.html, _html))
    for path, text in texts:
        if path is not None:
            yield str(path), partial(_write, path, text, result)
    if outputs.history is not None:
        yield str(outputs.history), partial(_append_to_history, outputs.history, result, folder)
    if outputs.mlflow is not None:
        yield f"runs of the MLflow experiment {outputs.mlflow}", partial(_log_to_mlflow, outputs.mlflow, result, folder)
    if runs_on_github():
        yield "the step summary", partial(append_step_summary, result)


def _write(path: Path, text: Callable[[CheckResult], str], result: CheckResult) -> None:
    write_text(path, text(result))


def _html(result: CheckResult) -> str:
    # Imported here because the figures need matplotlib.
    from edgekit.reports.gate.html import check_html

    return check_html(result)


def _append_to_history(path: Path, result: CheckResult, folder: Path) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    append_history(path, history_entries(result, commit=current_commit(folder), now=now))


def _log_to_mlflow(experiment: str, result: CheckResult, folder: Path) -> None:
    # Imported here because MLflow is an extra.
    from edgekit.regression.mlflow_logging import log_to_mlflow

    log_to_mlflow(result, experiment, commit=current_commit(folder))
