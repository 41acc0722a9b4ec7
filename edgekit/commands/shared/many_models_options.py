"""The options and the work of ``edgekit convert`` for many models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, Decorated, scheduler_option
from edgekit.commands.shared.reporting import report
from edgekit_runtime.errors import UsageError

#: Parameters of ``edgekit convert`` that go with a configuration, which has the others.
_WITH_A_CONFIGURATION = ("config", "jobs", "scheduler", "html", "table", "output", "as_json")
_MOST_JOBS = 1024


class JobCount(click.ParamType):
    """A number of jobs, or ``auto`` for the number of cores."""

    name = "N|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        import os

        if value == "auto":
            return os.cpu_count() or 1
        if not (str(value).isascii() and str(value).isdigit() and 1 <= int(str(value)) <= _MOST_JOBS):
            self.fail(f"expected auto or a number from 1 to {_MOST_JOBS}, received {value!r}", param, ctx)
        return int(str(value))


def many_models_options(command: Decorated) -> Decorated:
    """The options for several models."""
    config = click.option(
        "--config",
        type=EXISTING_OR_NOT,
        metavar="FILE",
        help="Convert every model with a source in this edgekit.toml or pyproject.toml, each with its own options; "
        "edgekit check validates the same models.",
    )
    jobs = click.option(
        "--jobs",
        type=JobCount(),
        metavar="N|auto",
        help="Conversions at once, as far as memory allows: a number, or auto for the number of cores. [default: auto]",
    )
    html = click.option(
        "--report", "html", type=EXISTING_OR_NOT, metavar="FILE", help="HTML report of all models to write."
    )
    table = click.option(
        "--csv", "table", type=EXISTING_OR_NOT, metavar="FILE", help="CSV table of all models to write."
    )
    return config(jobs(scheduler_option(html(table(command)))))


def options_of_one_model() -> tuple[str, ...]:
    """Names of the current command's parameters that contradict ``--config``; MODEL is compared separately."""
    parameters = click.get_current_context().command.params
    names = (str(each.name) for each in parameters if isinstance(each, click.Option))
    return tuple(name for name in names if name not in _WITH_A_CONFIGURATION)


def convert_many_models(
    sources: Sequence[Path],
    config: Path | None,
    output: Path | None,
    options: Mapping[str, Any],
    *,
    processes: int | None,
    scheduler: str | None,
    html: Path | None,
    table: Path | None,
    as_json: bool,
) -> None:
    """Convert several models and report on them.

    Args:
        sources: Models and folders of models.
        config: Configuration with the models; None for ``sources``.
        output: Folder for the results.
        options: Keyword arguments of ``edgekit.convert`` for ``sources``.
        processes: Most conversions at once; None for the number of cores.
        scheduler: Address of the Dask scheduler whose workers convert; None for this machine.
        html: HTML report to write, or None.
        table: CSV table to write, or None.
        as_json: Whether to print JSON.
    """
    from edgekit.jobs.opening import open_workers
    from edgekit.many_models.converting import convert_many
    from edgekit.many_models.html_report import render_html
    from edgekit.many_models.on_workers import convert_on_workers
    from edgekit.many_models.planning import plan_configuration, plan_sources
    from edgekit.many_models.progress import conversion_progress
    from edgekit.regression.configuration.sections import load_configuration
    from edgekit_converters.atomic_files import require_place, write_text

    if config is not None:
        if sources:
            raise UsageError("--config and MODEL contradict each other.", next_step="leave one of them out")
        planned = plan_configuration(load_configuration(config), output)
        folder = output or config.parent
    else:
        if output is None:
            raise UsageError("Several models need a folder for the results.", next_step="add --output FOLDER")
        planned, folder = plan_sources(sources, output, options), output
    for path in filter(None, (html, table)):
        require_place(path)
    with conversion_progress(len(planned)) as shown:
        calls: dict[str, Any] = {"on_start": shown.start, "on_row": shown.end}
        if scheduler is None:
            result = convert_many(planned, folder, processes=processes, **calls)
        else:
            with open_workers(scheduler) as workers:
                result = convert_on_workers(planned, folder, workers, **calls)
    if html is not None:
        write_text(html, render_html(result))
    if table is not None:
        write_text(table, result.to_csv())

    def print_counts() -> None:
        counts = result.to_dict()
        click.echo(f"{counts['converted']} converted, {counts['skipped']} skipped, {counts['failed']} failed.")

    report(result.to_dict, print_counts, as_json=as_json, required=[result.require_all])
