"""``edgekit validate``: does the .tflite still answer as the Keras model does?"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, data_option, json_option, pixel_range_option, seed_option


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("tflite", type=EXISTING_OR_NOT)
@data_option(required=True, purpose="Data to compare on; its held-back test part is used")
@click.option("--max-drop", type=click.FloatRange(0, 1), help="Largest allowed drop of top-1, e.g. 0.005.")
@click.option("--min-agreement", type=click.FloatRange(0, 1), help="Least share of equal answers, e.g. 0.99.")
@seed_option
@pixel_range_option
@click.option("--layers", is_flag=True, help="Show the noise of each layer of the Keras MODEL, worst first.")
@click.option("--layers-figure", type=EXISTING_OR_NOT, metavar="FILE.png", help="Draw the noise of each layer.")
@json_option
def command(
    model: Path,
    tflite: Path,
    data: str,
    max_drop: float | None,
    min_agreement: float | None,
    seed: int,
    pixel_range: tuple[float, float] | None,
    layers: bool,
    layers_figure: Path | None,
    as_json: bool,
) -> None:
    """Compare TFLITE with the Keras MODEL it was made from.

    Exits with 3 where a threshold is missed.

    \b
    edgekit validate model.h5 model-int8.tflite --data digits --max-drop 0.005
    """
    from edgekit.parity.validation import Thresholds, validate
    from edgekit.reports.progress import progress_bar
    from edgekit.reports.tables import percent, print_json, print_table

    with progress_bar(f"Comparing {tflite.name} with {model.name}", total=None):
        validation = validate(
            model,
            tflite,
            data,
            thresholds=Thresholds(max_drop, min_agreement),
            seed=seed,
            pixel_range=pixel_range,
        )
    noise = None
    if layers or layers_figure:
        from edgekit.datasets.opening import DataRequest
        from edgekit.parity.layer_noise import compare_layers_on_data

        with progress_bar(f"Comparing the layers of {model.name}", total=None):
            noise = compare_layers_on_data(model, tflite, DataRequest(data, seed), pixel_range=pixel_range)
    if noise and layers_figure:
        from edgekit.reports.layer_noise import draw_layers

        draw_layers(noise, f"{tflite.name} against {model.name}", layers_figure)
    if as_json:
        print_json(validation.to_dict() | ({"layers": [layer.to_dict() for layer in noise]} if noise else {}))
        if validation.failures:
            click.get_current_context().exit(3)
        return
    figures = validation.agreement
    rows = [
        (f"top-1 of {model.name}", percent(figures.reference_top1)),
        (f"top-1 of {tflite.name}", percent(figures.candidate_top1)),
        ("drop of top-1", percent(figures.accuracy_drop)),
        ("same answer", percent(figures.top1_agreement)),
        ("max absolute error", f"{figures.max_absolute_error:.2e}"),
        ("mean absolute error", f"{figures.mean_absolute_error:.2e}"),
    ]
    print_table(f"{tflite.name} against {model.name}, {figures.samples} examples", ("figure", "value"), rows)
    if noise and layers:
        from edgekit.reports.layer_noise import print_layers

        print_layers(noise)
    validation.require_passed()
