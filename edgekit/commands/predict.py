"""``edgekit predict``: what a .tflite says of pictures."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, PixelRange, json_option


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("images", nargs=-1, required=True, type=EXISTING_OR_NOT)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Answers an image.")
@click.option("--labels", type=EXISTING_OR_NOT, help="Text file, a class name a line. [default: those in the model]")
@click.option(
    "--pixel-range",
    type=PixelRange(),
    help="What the pixel values 0 and 255 become at the model's input. [default: as packed in the model, else 0,1]",
)
@json_option
def command(
    model: Path,
    images: tuple[Path, ...],
    top: int,
    labels: Path | None,
    pixel_range: tuple[float, float] | None,
    as_json: bool,
) -> None:
    """Classify IMAGES with MODEL, a .tflite.

    \b
    edgekit predict model.tflite digit.png
    """
    import edgekit_runtime
    from edgekit.progress import tracked
    from edgekit.reports.tables import print_json, print_table

    classifier = edgekit_runtime.load(model, labels=labels, pixel_range=pixel_range)
    is_known = pixel_range is not None or bool(classifier.manifest.preprocessing)
    if not is_known and classifier.preprocessing is not None:
        low, high = classifier.preprocessing.value_range
        click.echo(
            f"Nothing in {model.name} says how pixels were scaled in training: 0 to 255 become {low:g} to {high:g}. "
            "--pixel-range says otherwise, and edgekit pack keeps it in the file.",
            err=True,
        )
    answers = [classifier.classify(path, top_k=top)[0] for path in tracked(images, "Classifying", total=len(images))]
    if as_json:
        results = [
            {"image": str(path), "answers": [entry.to_dict() for entry in answer.top]}
            for path, answer in zip(images, answers, strict=True)
        ]
        print_json({"model": str(model), "results": results})
        return
    rows = [
        (str(path), *(f"{entry.label} {entry.score:.3f}" for entry in answer.top))
        for path, answer in zip(images, answers, strict=True)
    ]
    columns = ("image", "answer", *(f"{place}." for place in range(2, len(rows[0]))))
    print_table(f"{model.name}: label and score", columns, rows)
