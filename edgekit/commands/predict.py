"""``edgekit predict``: classifies images or recordings with a .tflite."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import EXISTING_OR_NOT, PixelRange, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("images", nargs=-1, required=True)
@click.option("--top-k", type=click.IntRange(min=1), default=3, show_default=True, help="Number of labels per image.")
@click.option(
    "--labels", type=EXISTING_OR_NOT, help="Text file, one class name per line. [default: those in the model]"
)
@click.option(
    "--pixel-range",
    type=PixelRange(),
    help="What the pixel values 0 and 255 become at the model's input. [default: as packed in the model, else 0,1]",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print one line per label: image,rank,label,score.")
@click.option("--draw", type=EXISTING_OR_NOT, metavar="FILE.png", help="Draw the images with their labels, 48 at most.")
@json_option
def command(
    model: Path,
    images: tuple[str, ...],
    top_k: int,
    labels: Path | None,
    pixel_range: tuple[float, float] | None,
    as_csv: bool,
    draw: Path | None,
    as_json: bool,
) -> None:
    """Classify IMAGES with MODEL, a .tflite.

    IMAGES are files, folders, patterns in quotes, or - for an image on standard input; for a model of sound, they are
    .wav files. Unreadable files are listed at the end, with exit code 1.

    \b
    edgekit predict model.tflite digit.png
    edgekit predict model.tflite photos/ --top-k 1 --csv > labels.csv
    edgekit predict words.tflite yes.wav
    """
    require_consistent(excludes={"as_csv": ("as_json",)})
    import edgekit_runtime
    from edgekit.prediction import classify_images, classify_recordings, find_examples
    from edgekit.reports.figures.contact_sheet import MOST_IMAGES, draw_predictions
    from edgekit.reports.terminal.predictions import print_predictions, print_predictions_csv
    from edgekit_converters.atomic_files import require_place
    from edgekit_runtime.errors import UsageError
    from edgekit_runtime.task import SOUND

    if draw:
        require_place(draw)
    classifier = edgekit_runtime.load(model, labels=labels, pixel_range=pixel_range)
    found = find_examples(classifier, images)
    is_known = pixel_range is not None or bool(classifier.manifest.preprocessing)
    if not is_known and classifier.preprocessing is not None:
        low, high = classifier.preprocessing.value_range
        click.echo(
            f"{model.name} does not state how pixels were scaled in training; 0 to 255 become {low:g} to {high:g}. "
            "Pass --pixel-range to change this; edgekit pack stores it in the file.",
            err=True,
        )
    if classifier.task.named(SOUND):
        if draw:
            raise UsageError("--draw draws images only.", received="a model of sound", next_step="leave --draw out")
        predictions = classify_recordings(classifier, found, top_k)
    else:
        predictions = classify_images(classifier, found, top_k, thumbnails=MOST_IMAGES if draw else 0)
    if draw:
        draw_predictions(predictions, model.name, draw)
        click.echo(f"Wrote {draw}.", err=True)
    report(
        lambda: {"model": str(model), **predictions.to_dict()},
        lambda: print_predictions_csv(predictions) if as_csv else print_predictions(model.name, predictions),
        as_json=as_json,
        exit_code=predictions.exit_code,
    )
