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
    A Keras file: its version, layers, shapes and parameters, what would be mended and what would be refused.
    """
    from edgekit.inspecting import inspect_tflite, is_tflite
    from edgekit.reports.inspection import print_keras, print_tflite
    from edgekit.reports.tables import print_json

    if is_tflite(model):
        inspection = inspect_tflite(model)
        if as_json:
            print_json(inspection.to_dict())
        else:
            print_tflite(inspection)
        return
    from edgekit_converters.keras_files.summary import summarize

    summary = summarize(model)
    if as_json:
        print_json(summary.to_dict())
    else:
        print_keras(summary)
