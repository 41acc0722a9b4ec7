"""``edgekit history``: shows the results of earlier checks."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("file", type=EXISTING_OR_NOT)
@click.option("--model", "names", multiple=True, metavar="NAME", help="Show only this model; repeatable.")
@click.option("--last", type=click.IntRange(min=1), help="Show only the newest N entries.")
@click.option(
    "-o", "--output", type=EXISTING_OR_NOT, help="Write a figure of accuracy, size and latency, .png or .svg."
)
@json_option
def command(file: Path, names: tuple[str, ...], last: int | None, output: Path | None, as_json: bool) -> None:
    """Show the results recorded by `edgekit check --history FILE`.

    \b
    edgekit check --history history.jsonl
    edgekit history history.jsonl --output history.svg
    """
    from edgekit.regression.history import read_history
    from edgekit.reports.history import draw_history, print_history
    from edgekit_runtime.errors import UsageError

    if output is not None and output.suffix not in (".png", ".svg"):
        raise UsageError("A history can be drawn as .png or .svg.", received=output.name)
    entries, unread = read_history(file)
    entries = [entry for entry in entries if not names or entry.model in names][-(last or 0) :]
    if unread:
        click.echo(f"{unread} lines of {file} could not be read and are left out.", err=True)
    if output is not None:
        draw_history(entries, output)
    report(
        lambda: {"entries": [entry.to_dict() for entry in entries], "unread_lines": unread},
        lambda: print_history(file.name, entries, drawn=output),
        as_json=as_json,
    )
