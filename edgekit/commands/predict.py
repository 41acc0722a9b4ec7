"""``edgekit predict``: classifies images, recordings or texts, or finds boxes and masks in images, with a .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import EXISTING_OR_NOT, PixelRange, json_option
from edgekit.commands.shared.reporting import report
from edgekit_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgekit.localization import DetectionOptions, Find
    from edgekit_runtime.model import Model


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("examples", nargs=-1)
@click.option("--text", "texts", multiple=True, help="Classify this text; may be repeated.")
@click.option("--top-k", type=click.IntRange(min=1), default=3, show_default=True, help="Number of labels per example.")
@click.option(
    "--labels", type=EXISTING_OR_NOT, help="Text file, one class name per line. [default: those in the model]"
)
@click.option(
    "--pixel-range",
    type=PixelRange(),
    help="What the pixel values 0 and 255 become at the model's input. [default: as packed in the model, else 0,1]",
)
@click.option(
    "--score-threshold", type=click.FloatRange(0, 1), help="Smallest score of a box, for a detector. [default: 0.25]"
)
@click.option(
    "--iou-threshold",
    type=click.FloatRange(0, 1),
    help="Largest overlap of two boxes of one class, for a detector. [default: 0.45]",
)
@click.option(
    "--max-detections",
    type=click.IntRange(1, 10_000),
    help="Largest number of boxes per image, for a detector. [default: 100]",
)
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print one line per label (image or text, rank, label, score), box (image, label, score, edges) or class of a "
    "mask (image, label, pixels).",
)
@click.option(
    "--draw",
    type=EXISTING_OR_NOT,
    metavar="FILE.png|FOLDER",
    help="Draw the images with their labels into FILE.png, 48 at most; with boxes or masks, each into FOLDER.",
)
@json_option
def command(
    model: Path,
    examples: tuple[str, ...],
    texts: tuple[str, ...],
    top_k: int,
    labels: Path | None,
    pixel_range: tuple[float, float] | None,
    score_threshold: float | None,
    iou_threshold: float | None,
    max_detections: int | None,
    as_csv: bool,
    draw: Path | None,
    as_json: bool,
) -> None:
    """Classify EXAMPLES with MODEL, or find boxes or masks.

    MODEL is a .tflite. EXAMPLES are images: files, folders, patterns in quotes, or - for an image on standard input;
    for a model of sound, they are .wav files. Unreadable files are listed at the end, with exit code 1. For a model of
    texts they are files with one text per line, or - for lines on standard input.

    \b
    edgekit predict model.tflite digit.png
    edgekit predict model.tflite photos/ --top-k 1 --csv > labels.csv
    edgekit predict words.tflite yes.wav
    edgekit predict model.tflite --text "good morning"
    edgekit predict detector.tflite photos/ --draw found/ --score-threshold 0.5
    """
    require_consistent(excludes={"as_csv": ("as_json",), "texts": ("pixel_range", "draw")})
    if not (examples or texts):
        raise click.MissingParameter(param_hint="EXAMPLES", param_type="argument")
    import edgekit_runtime
    from edgekit.localization import DetectionOptions, finder
    from edgekit_converters.atomic_files import require_place
    from edgekit_runtime.task import TEXT

    if draw and not draw.is_dir():
        require_place(draw)
    classifier = edgekit_runtime.load(model, labels=labels, pixel_range=pixel_range)
    options = DetectionOptions(score_threshold, iou_threshold, max_detections)
    _require_detector(classifier, options)
    find = finder(classifier, options)
    if [kind.name for kind in classifier.task.inputs.values()] == [TEXT]:
        _predict_texts(classifier, model, [*texts], [*examples], top_k=top_k, as_csv=as_csv, as_json=as_json)
    elif texts:
        raise UsageError(
            f"{model.name} does not take texts, so --text does not apply.",
            expected="a model whose only input is of the kind text",
            received=classifier.task.describe(),
            next_step="pack its vocabulary: edgekit pack --vocabulary FILE --tokenizer NAME",
        )
    else:
        is_known = pixel_range is not None or bool(classifier.manifest.preprocessing)
        if not is_known:
            _note_on_pixels(classifier, model)
        if find is not None:
            _find_in_images(classifier, find, model, examples, draw=draw, as_csv=as_csv, as_json=as_json)
            return
        _predict_files(classifier, model, examples, top_k=top_k, draw=draw, as_csv=as_csv, as_json=as_json)


def _note_on_pixels(classifier: Model, path: Path) -> None:
    if classifier.preprocessing is None:
        return
    low, high = classifier.preprocessing.value_range
    click.echo(
        f"{path.name} does not state how pixels were scaled in training; 0 to 255 become {low:g} to {high:g}. "
        "Pass --pixel-range to change this; edgekit pack stores it in the file.",
        err=True,
    )


def _require_detector(classifier: Model, options: DetectionOptions) -> None:
    given = options.given()
    if given and not classifier.detects_boxes:
        raise UsageError(
            f"--{next(iter(given)).replace('_', '-')} is for detectors.",
            expected="a model that finds boxes",
            received=classifier.task.describe(),
            next_step="leave it out, or declare the model's head: edgekit pack --boxes",
        )


def _find_in_images(
    classifier: Model,
    find: Find,
    path: Path,
    examples: tuple[str, ...],
    *,
    draw: Path | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    from edgekit.counting import counted
    from edgekit.localization import localize
    from edgekit.prediction import find_examples
    from edgekit.reports.figures.drawn_images import DrawnImages
    from edgekit.reports.terminal.localizations import print_localizations, print_localizations_csv

    images = find_examples(classifier, examples)
    drawn = DrawnImages(draw, images) if draw else None
    found = localize(find, images, drawn.draw if drawn else None)
    if draw:
        click.echo(f"Wrote {counted(len(found.sizes), 'image')} into {draw}.", err=True)
    report(
        lambda: {"model": str(path), **found.to_dict()},
        lambda: print_localizations_csv(found) if as_csv else print_localizations(path.name, found),
        as_json=as_json,
        exit_code=found.exit_code,
    )


def _predict_texts(
    classifier: Model, path: Path, texts: list[str], files: list[str], *, top_k: int, as_csv: bool, as_json: bool
) -> None:
    from edgekit.prediction import classify_texts, find_texts
    from edgekit.reports.terminal.predictions import print_text_predictions, print_text_predictions_csv

    predictions = classify_texts(classifier, find_texts(texts, files), top_k)
    report(
        lambda: {"model": str(path), **predictions.to_dict()},
        lambda: print_text_predictions_csv(predictions) if as_csv else print_text_predictions(path.name, predictions),
        as_json=as_json,
    )


def _predict_files(
    classifier: Model,
    path: Path,
    examples: tuple[str, ...],
    *,
    top_k: int,
    draw: Path | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    from edgekit.prediction import classify_images, classify_recordings, find_examples
    from edgekit.reports.terminal.predictions import print_predictions, print_predictions_csv
    from edgekit_converters.atomic_files import require_place
    from edgekit_runtime.task import SOUND

    if draw:
        require_place(draw)
    found = find_examples(classifier, examples)
    if classifier.task.named(SOUND):
        if draw:
            raise UsageError("--draw draws images only.", received="a model of sound", next_step="leave --draw out")
        predictions = classify_recordings(classifier, found, top_k)
    elif draw:
        from edgekit.reports.figures.contact_sheet import MOST_IMAGES, draw_predictions

        predictions = classify_images(classifier, found, top_k, thumbnails=MOST_IMAGES)
        draw_predictions(predictions, path.name, draw)
        click.echo(f"Wrote {draw}.", err=True)
    else:
        predictions = classify_images(classifier, found, top_k)
    report(
        lambda: {"model": str(path), **predictions.to_dict()},
        lambda: print_predictions_csv(predictions) if as_csv else print_predictions(path.name, predictions),
        as_json=as_json,
        exit_code=predictions.exit_code,
    )
