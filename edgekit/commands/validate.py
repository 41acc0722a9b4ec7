"""``edgekit validate``: compares a .tflite with the model that it was converted from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import (
    EXISTING_OR_NOT,
    data_option,
    json_option,
    label_column_option,
    open_option,
    pixel_range_option,
    seed_option,
    task_options,
    workers_options,
)
from edgekit.commands.shared.reporting import open_in_browser, report

if TYPE_CHECKING:
    from edgekit.parity.layers.noise import LayerNoise
    from edgekit.parity.validation import Validation


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("tflite", nargs=-1, required=True, type=EXISTING_OR_NOT)
@data_option(required=True, purpose="Data to compare on, with or without ground truth; its held-back part is used")
@label_column_option
@click.option("--everything", is_flag=True, help="Use all of the data, not only the held-back part.")
@click.option("--samples", type=click.IntRange(min=1), help="Maximum number of examples to compare on. [default: all]")
@click.option(
    "--slice-by",
    metavar="NAME",
    help="Compare each slice of the data separately. NAME is a column of a table, an array of an .npz, a key of a "
    "function's dicts, or folder for sub-folders that contain the folders of the classes.",
)
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="The k of top-k accuracy.")
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    help="Largest allowed drop of top-1, F1, R², mean IoU or token accuracy (by the output's kind), e.g. 0.005.",
)
@click.option(
    "--min-agreement", type=click.FloatRange(0, 1), help="Smallest allowed share of equal classes, e.g. 0.99."
)
@click.option(
    "--changed", type=EXISTING_OR_NOT, metavar="FILE.png", help="Draw the images whose predicted class changed."
)
@click.option("--html", type=EXISTING_OR_NOT, metavar="FILE.html", help="Write a report with figures: one HTML file.")
@open_option
@seed_option
@pixel_range_option
@task_options
@click.option(
    "--layers", is_flag=True, help="Show the noise that each layer of the Keras MODEL adds and has, largest first."
)
@click.option("--layers-figure", type=EXISTING_OR_NOT, metavar="FILE.png", help="Draw the noise of each layer.")
@workers_options
@json_option
def command(
    model: Path,
    tflite: tuple[Path, ...],
    data: str,
    label_column: str | None,
    everything: bool,
    samples: int | None,
    slice_by: str | None,
    top_k: int,
    max_drop: float | None,
    min_agreement: float | None,
    changed: Path | None,
    html: Path | None,
    opens: bool,
    seed: int,
    pixel_ranges: dict[str, tuple[float, float]],
    layers: bool,
    layers_figure: Path | None,
    scheduler: str | None,
    cluster: str | None,
    as_json: bool,
    task: str | None,
    output_kinds: dict[str, str],
    input_kinds: dict[str, str],
) -> None:
    """Compare each TFLITE with the MODEL that it was converted from.

    MODEL is an .h5, .keras or .pt2 file, a SavedModel folder, or another .tflite.

    With ground truth: accuracy of both, the drop with its 95 % interval, McNemar's test, reliability of the confidence,
    recall of each class. Without: agreement and differences. Exits with 3 if a threshold is missed.

    \b
    edgekit validate model.h5 model-int8.tflite --data digits --max-drop 0.005
    edgekit validate model.h5 model.tflite --data photos/ --changed sheet.png
    """
    from edgekit.api.validating import validate
    from edgekit.progress import progress_bar
    from edgekit.reports.layer_noise import draw_layers
    from edgekit.reports.terminal.validation import print_validations, validations_as_dict
    from edgekit_converters.temporary_folders import private_temporary_files

    click.get_current_context().with_resource(private_temporary_files("validate"))
    require_consistent(needs={"opens": ("html",)})
    if len(tflite) > 1 and (changed or layers or layers_figure):
        raise click.UsageError("--changed, --layers and --layers-figure accept only one TFLITE.")
    names = ", ".join(path.name for path in tflite)
    with progress_bar(f"Comparing {names} with {model.name}", total=None) as advance:
        validations = validate(
            model,
            tflite,
            data,
            max_drop=max_drop,
            min_agreement=min_agreement,
            samples=samples,
            everything=everything,
            slice_by=slice_by,
            top_k=top_k,
            seed=seed,
            label_column=label_column,
            pixel_range=pixel_ranges,
            task=task,
            output_kind=output_kinds,
            input_kind=input_kinds,
            layers=layers or layers_figure is not None,
            progress=advance,
            scheduler=scheduler,
            cluster=cluster,
        )
    noise = validations[0].layers
    if changed and not _draw_changed(validations[0], changed):
        changed = None
    if layers_figure:
        draw_layers(noise, f"{tflite[0].name} against {model.name}", layers_figure)
    if html:
        _write_html(validations, noise, html)
        if opens:
            open_in_browser(html)
    for path in (changed, layers_figure, html):
        if path:
            click.echo(f"Wrote {path}.", err=True)
    report(
        lambda: validations_as_dict(validations, noise),
        lambda: print_validations(validations, noise if layers else ()),
        as_json=as_json,
        required=[validation.require_passed for validation in validations],
    )


def _write_html(validations: Sequence[Validation], noise: Sequence[LayerNoise], path: Path) -> None:
    from edgekit.reports.html.validation import validation_html
    from edgekit_converters.atomic_files import write_text

    write_text(path, validation_html(validations, noise))


def _draw_changed(validation: Validation, path: Path) -> bool:
    """Draw the images that changed their class, or say why there is nothing to draw: the comparison is done."""
    from edgekit.reports.figures.contact_sheet import draw_changed

    classes = next((output.classification for output in validation.outputs if output.classification), None)
    problem = ""
    if classes is None:
        problem = "no output gives classes"
    elif not classes.changed:
        problem = "no example changed its class"
    elif not any(sample.pixels is not None for sample in classes.changed_samples):
        problem = "the examples that changed their class are not images"
    if classes is None or problem:
        click.echo(f"{path} was not written: {problem}.", err=True)
        return False
    title = f"{validation.candidate.name} against {validation.reference.name}"
    draw_changed(classes.changed_samples, classes.changed, title, path)
    return True
