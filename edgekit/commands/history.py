"""``edgekit history``: how models did from check to check."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, json_option


@click.command()
@click.argument("file", type=EXISTING_OR_NOT)
@click.option("--model", "names", multiple=True, metavar="NAME", help="Only this model; may be given several times.")
@click.option("--last", type=click.IntRange(min=1), help="Only so many entries, the newest.")
@click.option("-o", "--output", type=EXISTING_OR_NOT, help="Draw accuracy, size and latency: a .png or .svg.")
@json_option
def command(file: Path, names: tuple[str, ...], last: int | None, output: Path | None, as_json: bool) -> None:
    """Show what `edgekit check --history FILE` noted, and draw it.

    \b
    edgekit check --history history.jsonl
    edgekit history history.jsonl --output history.svg
    """
    from edgekit.regression.history import read_history
    from edgekit.reports.tables import kilobytes, percent, print_json, print_table
    from edgekit_runtime.errors import UsageError

    if output is not None and output.suffix not in (".png", ".svg"):
        raise UsageError("A history is drawn as .png or .svg.", received=output.name)
    entries, unread = read_history(file)
    entries = [entry for entry in entries if not names or entry.model in names][-(last or 0) :]
    if unread:
        click.echo(f"{unread} lines of {file} could not be read and are left out.", err=True)
    if output is not None:
        from edgekit.reports.history import draw_history

        draw_history(entries, output)
    if as_json:
        print_json({"entries": [entry.to_dict() for entry in entries], "unread_lines": unread})
        return
    rows = [
        (
            entry.commit[:8] or "–",
            entry.time[:16].replace("T", " "),
            entry.model,
            percent(entry.top1) if entry.mean_absolute_error is None else f"{entry.mean_absolute_error:.4g}",
            "–" if entry.size_bytes is None else kilobytes(entry.size_bytes),
            "–" if entry.latency_ratio is None else f"{entry.latency_ratio:.3f} ×",
            "passed" if entry.passed else f"failed: {', '.join(entry.failed_rules)}",
        )
        for entry in entries
    ]
    columns = ("commit", "time, UTC", "model", "top-1 or error", "size", "latency", "verdict")
    print_table(f"{file.name}: {len(rows)} entries", columns, rows)
    if output is not None:
        click.echo(f"Drawn: {output}")
