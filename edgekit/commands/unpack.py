"""``edgekit unpack``: writes the parts of a packed .tflite and the original model."""

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
    help="Folder to write to. [default: MODEL's name without .tflite, in the same folder]",
)
@json_option
def command(model: Path, output: Path | None, as_json: bool) -> None:
    """Write the parts of MODEL, a packed .tflite, to a folder.

    The parts are the manifest, labels, golden examples, and the plain model.

    The plain model is byte-identical to the file before it was packed.

    \b
    edgekit unpack model.tflite --output parts/
    """
    from edgekit.artifacts.packing import unpack_file
    from edgekit.reports.terminal.artifacts import print_parts

    files = unpack_file(model, output or model.with_suffix(""))
    report(
        lambda: {"model": str(model), "files": [str(path) for path in files]},
        lambda: print_parts(model.name, files),
        as_json=as_json,
    )
