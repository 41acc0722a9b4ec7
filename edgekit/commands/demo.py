"""``edgekit demo``: the whole workflow on real digits."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option, seed_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.option(
    "-o",
    "--output",
    type=EXISTING_OR_NOT,
    default=Path("edgekit-demo"),
    show_default=True,
    help="Folder for the models, the figures and the report.",
)
@seed_option
@json_option
def command(output: Path, seed: int, as_json: bool) -> None:
    """Train on real digits, convert, compare, and verify.

    Takes about a minute and needs no network: the digits come with scikit-learn.
    """
    from edgekit.demo import run_demo
    from edgekit.progress import progress_bar
    from edgekit.reports.terminal.demo import print_demo
    from edgekit_converters.temporary_folders import private_temporary_files

    click.get_current_context().with_resource(private_temporary_files("demo"))

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    result = run_demo(output, seed=seed, say=say, progress=progress_bar)
    report(result.to_dict, lambda: print_demo(result), as_json=as_json)
