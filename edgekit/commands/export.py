"""``edgekit export``: a .tflite as C source for a microcontroller."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option("--c-array", is_flag=True, required=True, help="Write a .h and a .cc for TFLite Micro.")
@click.option("--name", help="Name of the array and of its files. [default: MODEL's name]")
@click.option("-o", "--output", type=EXISTING_OR_NOT, help="Folder to write to. [default: MODEL's folder]")
@json_option
def command(model: Path, c_array: bool, name: str | None, output: Path | None, as_json: bool) -> None:
    """Write MODEL (.tflite) as C source.

    The header contains what a program needs: shape, scale and zero point of each input and output, the labels, and an
    upper estimate of the tensor arena.

    \b
    edgekit export model-int8.tflite --c-array --output firmware/
    """
    from edgekit.artifacts.exporting import export_c_array
    from edgekit.reports.terminal.artifacts import print_export

    exported = export_c_array(model, output or model.parent, name)
    report(exported.to_dict, lambda: print_export(model.name, exported), as_json=as_json)
