"""``edgekit check``: compares models with the committed baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option, open_option
from edgekit.commands.shared.reporting import exit_code_of, exit_with, open_in_browser, report
from edgekit.regression.rules.registry import all_thresholds

if TYPE_CHECKING:
    from edgekit.regression.results import CheckResult
    from edgekit.reports.gate.outputs import CheckOutputs
    from edgekit_runtime.errors import EdgekitError


def threshold_lines() -> str:
    """The thresholds of all rules in the form of a configuration, one per line."""
    lines = []
    for threshold in all_thresholds():
        value = threshold.default if threshold.example is None else threshold.example
        text = str(value).lower() if isinstance(value, bool) else f"{value:g}"
        lines.append(f"  {f'{threshold.name} = {text}':<28} # {threshold.help}")
    return "\n".join(lines)


_HELP = f"""\
Compare models with the committed baseline.

Exits with 3 if a model is worse than allowed.

The configuration names models, data and limits; `--update-baseline` writes edgekit-baseline.json, which is
committed next to it. In a GitHub workflow, the job summary and annotations are written, too.

\b
edgekit check --update-baseline
edgekit check --html report.html
edgekit check --digests-only
edgekit check --baseline-ref origin/main   # in CI: by the limits of main

\b
A configuration in pyproject.toml (in edgekit.toml without "tool.edgekit"):
  [tool.edgekit]
  data = "photos/"             # as --data elsewhere
  targets = ["litert"]         # see edgekit targets
  [tool.edgekit.models.digits]
  file = "model-int8.tflite"   # or source = "model.h5" and quantize = "int8"
  [tool.edgekit.thresholds]    # of all models; of one: models.NAME.thresholds
{threshold_lines()}
"""


@click.command(help=_HELP)
@click.option(
    "--config",
    type=EXISTING_OR_NOT,
    help="Configuration to read. [default: edgekit.toml or [tool.edgekit] in pyproject.toml, here or above]",
)
@click.option("--model", "names", multiple=True, metavar="NAME", help="Check only this model; repeatable.")
@click.option("--strict", is_flag=True, help="Also fail a drop larger than allowed that may be due to chance.")
@click.option("--update-baseline", is_flag=True, help="Write the models as the new baseline, and show what changes.")
@click.option(
    "--digests-only", is_flag=True, help="Only compare the digests of .tflite files with the baseline's; needs no data."
)
@click.option("--allow-empty", is_flag=True, help="With --digests-only: pass if the check converts every model itself.")
@click.option(
    "--baseline-ref",
    metavar="COMMIT",
    help="Judge by the baseline of this commit, such as origin/main, and fail if limits, models or data have been "
    "loosened since.",
)
@click.option("--allow-loosening", is_flag=True, help="With --baseline-ref: only warn about loosened limits.")
@click.option("--allow-python-data", is_flag=True, help='With --baseline-ref: allow data = "python:…".')
@click.option(
    "--device",
    metavar="DEVICE",
    help="Measure latency there, as for the baseline: ssh:USER@HOST, or the path of a Python. [default: this machine]",
)
@click.option("--junit", type=EXISTING_OR_NOT, help="Write the result as JUnit XML.")
@click.option("--markdown", type=EXISTING_OR_NOT, help="Write the result as Markdown.")
@click.option("--html", type=EXISTING_OR_NOT, help="Write a report with figures: one HTML file, no network needed.")
@open_option
@click.option("--history", type=EXISTING_OR_NOT, help="Append one line per model to this file; see edgekit history.")
@click.option("--mlflow", metavar="EXPERIMENT", help="Log one run per model to MLflow; needs edgekit[mlflow].")
@json_option
def command(
    config: Path | None,
    names: tuple[str, ...],
    strict: bool,
    update_baseline: bool,
    digests_only: bool,
    allow_empty: bool,
    baseline_ref: str | None,
    allow_loosening: bool,
    allow_python_data: bool,
    device: str | None,
    junit: Path | None,
    markdown: Path | None,
    html: Path | None,
    opens: bool,
    history: Path | None,
    mlflow: str | None,
    as_json: bool,
) -> None:
    """Compare models with the committed baseline, as ``_HELP`` describes."""
    from edgekit.api.checking import check
    from edgekit.progress import progress_bar
    from edgekit.regression.configuration.files import find_configuration
    from edgekit.reports.gate.outputs import CheckOutputs
    from edgekit_converters.temporary_folders import private_temporary_files

    require_consistent(
        needs={
            "opens": ("html",),
            "allow_empty": ("digests_only",),
            "allow_loosening": ("baseline_ref",),
            "allow_python_data": ("baseline_ref",),
        },
        excludes={
            "digests_only": ("names", "strict", "update_baseline", "baseline_ref", "device"),
            "update_baseline": ("baseline_ref",),
        },
    )
    click.get_current_context().with_resource(private_temporary_files("check"))
    path = config or find_configuration(Path.cwd())
    outputs = CheckOutputs(junit, markdown, html, history, mlflow)
    if update_baseline:
        errors = _write_outputs(_update(path, names, device, as_json), outputs, path)
        if opens and html is not None and not errors:
            open_in_browser(html)
        exit_with(errors[0].exit_code if errors else 0)
        return
    with progress_bar("Checking", total=None):
        result = check(
            path,
            models=names,
            strict=strict,
            digests_only=digests_only,
            allow_empty=allow_empty,
            baseline_ref=baseline_ref,
            allow_loosening=allow_loosening,
            allow_python_data=allow_python_data,
            layers=html is not None,
            device=device,
        )
    # The verdict comes first, even if a file cannot be written.
    _show(result, as_json)
    errors = _write_outputs(result, outputs, path)
    if opens and html is not None and not errors:
        open_in_browser(html)
    exit_with(exit_code_of(result.passed))
    exit_with(errors[0].exit_code if errors else 0)


def _write_outputs(result: CheckResult, outputs: CheckOutputs, configuration: Path) -> list[EdgekitError]:
    """Write the reports, name them, and return the errors of those that could not be written."""
    from edgekit.reports.gate.outputs import write_outputs

    written, errors = write_outputs(result, outputs, configuration.parent)
    for name in written:
        click.echo(f"Wrote {name}.", err=True)
    for error in errors:
        click.echo(f"Error: {error}", err=True)
    return errors


def _show(result: CheckResult, as_json: bool) -> None:
    from edgekit.reports.gate.github import runs_on_github, workflow_commands
    from edgekit.reports.gate.table import print_check

    report(result.to_dict, lambda: print_check(result), as_json=as_json)
    if runs_on_github():
        for workflow_command in workflow_commands(result, Path.cwd()):
            # Where JSON is asked for, it is alone on stdout; GitHub reads commands from both.
            click.echo(workflow_command, err=as_json)


def _update(path: Path, names: tuple[str, ...], device: str | None, as_json: bool) -> CheckResult:
    from edgekit.api.checking import update_baseline
    from edgekit.progress import progress_bar
    from edgekit.reports.gate.table import print_baseline_changes

    with progress_bar("Measuring", total=None):
        update = update_baseline(path, models=names, device=device)
    report(update.to_dict, lambda: print_baseline_changes(update.path, update.before, update.models), as_json=as_json)
    return update.checked
