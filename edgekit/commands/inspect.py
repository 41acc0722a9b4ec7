"""``edgekit inspect``: shows the contents of a model file without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option, target_option
from edgekit.commands.shared.reporting import exit_code_of, exit_with, report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@target_option
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="List each operator and tensor of a .tflite, each layer of a Keras file, and whole digests.",
)
@json_option
def command(model: Path, targets: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Show the contents of MODEL without running it.

    MODEL is a .tflite, an .h5, .keras or .pt2 file, or a SavedModel folder.

    A .tflite: operators with versions, inputs and outputs with shapes, types, scales and zero points, where it runs,
    labels, preprocessing and provenance; with --all each operator and tensor. --json always has all of it.

    A Keras file: its version, inputs, outputs, parameters and classes of layers, what would be upgraded and what would
    be refused; with --all each layer.

    A .pt2: PyTorch version, operators, inputs and outputs with their shapes, including open sizes.

    A SavedModel folder: TensorFlow version, signatures with inputs and outputs, operators, and what would be
    refused.

    With --target: whether a .tflite from any tool runs there, and the operators and tensors that prevent it from
    running.
    Exits with 3 if it does not run on one of the targets.

    \b
    edgekit inspect model.tflite
    edgekit inspect model.tflite --target tflite-runtime-2.14 --target litert
    """
    from edgekit.api.inspecting import inspect
    from edgekit.artifacts.inspecting import TargetChecks
    from edgekit.reports.terminal.inspection import print_inspection

    result = inspect(model, targets=targets)
    report(result.to_dict, lambda: print_inspection(result, everything=everything), as_json=as_json)
    if isinstance(result, TargetChecks):
        if not result.passed:
            click.echo(f"{model.name} does not run on {', '.join(result.failed_targets)}.", err=True)
        exit_with(exit_code_of(passed=result.passed))
