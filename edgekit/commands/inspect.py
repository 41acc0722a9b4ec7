"""``edgekit inspect``: what a model file holds, read without TensorFlow."""

from __future__ import annotations

import json
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

    inspection = inspect_model(model)
    if as_json:
        click.echo(json.dumps(inspection.to_dict(), indent=1))
    else:
        inspection.show()
