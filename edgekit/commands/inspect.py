"""``edgekit inspect``: what a model file holds, read without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, json_option


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@json_option
def command(model: Path, as_json: bool) -> None:
    """Show what MODEL (.tflite, .h5 or .keras) holds; nothing of it is run.

    A .tflite: operators with versions, tensors with shapes, types, scales and zero points, labels and provenance.
    A Keras file: its version, layers, shapes and parameters, and what conversion would refuse.
    """
    from edgekit.inspecting import inspect_model
    from edgekit.reports.tables import print_json

    inspection = inspect_model(model)
    if as_json:
        print_json(inspection.to_dict())
    else:
        inspection.show()
