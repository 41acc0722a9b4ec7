"""``edgekit inspect``: what a model file holds, read without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option, target_option
from edgekit.commands.shared.reporting import exit_code_of, exit_with, report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@target_option
@click.option("--all", "everything", is_flag=True, help="List each operator and each tensor of a .tflite.")
@json_option
def command(model: Path, targets: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Show what MODEL holds, without running any of it.

    MODEL is a .tflite, an .h5, .keras or .pt2 file, or a SavedModel folder.

    A .tflite: operators with versions, inputs and outputs with shapes, types, scales and zero points, where it runs,
    labels, preprocessing and provenance; with --all each operator and tensor. --json always holds all of it.
    A Keras file: its version, layers, shapes and parameters, what would be mended and what would be refused.

    A .pt2: PyTorch's version, operators, inputs and outputs with their sizes, those left open included.

    A SavedModel folder: the version of TensorFlow, signatures with inputs and outputs, operators, and what would be
    refused.

    With --target: whether a .tflite, whoever made it, runs there, and which operators and tensors stand against it.
    Exits with 3 if it does not run on one of them.

    \b
    edgekit inspect model.tflite
    edgekit inspect model.tflite --target tflite-runtime-2.14 --target litert
    """
    from edgekit.artifacts.inspecting import inspect_tflite, is_tflite
    from edgekit.reports.inspection import print_keras, print_program, print_saved_model, print_tflite
    from edgekit_converters.exported_programs.archive import is_exported_program
    from edgekit_converters.exported_programs.program import read_program
    from edgekit_converters.keras_files.summary import summarize
    from edgekit_converters.saved_models.summary import summarize_saved_model

    if targets:
        _check(model, targets, as_json)
    elif is_tflite(model):
        inspection = inspect_tflite(model)
        report(inspection.to_dict, lambda: print_tflite(inspection, everything=everything), as_json=as_json)
    elif model.is_file() and is_exported_program(model):
        program = read_program(model)
        report(program.to_dict, lambda: print_program(program), as_json=as_json)
    elif model.is_dir():
        saved_model = summarize_saved_model(model)
        report(saved_model.to_dict, lambda: print_saved_model(saved_model), as_json=as_json)
    else:
        summary = summarize(model)
        report(summary.to_dict, lambda: print_keras(summary), as_json=as_json)


def _check(model: Path, targets: tuple[str, ...], as_json: bool) -> None:
    from edgekit.artifacts.inspecting import is_tflite
    from edgekit.reports.targets import print_checks
    from edgekit_converters.targets.check import check_targets
    from edgekit_runtime.errors import UsageError
    from edgekit_runtime.packed_file.model_file import read_model_file

    if model.exists() and not is_tflite(model):
        raise UsageError(
            f"{model.name} is not a .tflite, and --target looks at the operators of one.",
            next_step=f"edgekit convert {model.name} --target {targets[0]} converts and checks it",
        )
    checks = check_targets(read_model_file(model), targets)
    report(
        lambda: {"path": str(model), "targets": [check.to_dict() for check in checks]},
        lambda: print_checks(model.name, checks),
        as_json=as_json,
    )
    failed = [check.target for check in checks if not check.runs]
    if failed:
        click.echo(f"{model.name} does not run on {', '.join(failed)}.", err=True)
    exit_with(exit_code_of(passed=not failed))
