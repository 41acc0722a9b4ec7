"""``edgekit unpack``: the parts of a packed .tflite, and the plain model as it was."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option(
    "-o",
    "--output",
    type=EXISTING_OR_NOT,
    help="Folder to write to. [default: MODEL's name without .tflite, beside it]",
)
@json_option
def command(model: Path, output: Path | None, as_json: bool) -> None:
    """Write the parts of MODEL, a packed .tflite, to a folder.

    They are the manifest, labels, golden examples, and the plain model.

    The plain model is the file as it was before it was packed, to the last byte.

    \b
    edgekit unpack model.tflite --output parts/
    """
    from edgekit.artifacts.packing import unpack_file
    from edgekit.reports.artifacts import print_parts

    files = unpack_file(model, output or model.with_suffix(""))
    report(
        lambda: {"model": str(model), "files": [str(path) for path in files]},
        lambda: print_parts(model.name, files),
        as_json=as_json,
    )
