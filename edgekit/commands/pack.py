"""``edgekit pack``: packs labels, preprocessing and golden examples into any .tflite."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import (
    EXISTING_OR_NOT,
    box_options,
    data_option,
    image_options,
    json_option,
    pixel_range_option,
    seed_option,
    sound_options,
    task_options,
    vocabulary_options,
)
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option("--labels", type=EXISTING_OR_NOT, help="Text file, one class name per line. [default: those in MODEL]")
@data_option(required=False, purpose="Real inputs for the golden examples [default: generated inputs]")
@seed_option
@pixel_range_option
@task_options
@image_options
@box_options
@sound_options
@vocabulary_options
@click.option("-o", "--output", type=EXISTING_OR_NOT, help="File to write. [default: MODEL itself]")
@json_option
def command(
    model: Path,
    labels: Path | None,
    data: str | None,
    seed: int,
    pixel_ranges: dict[str, tuple[float, float]],
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    color_order: str | None,
    resize: str | None,
    output: Path | None,
    as_json: bool,
    task: str | None,
    output_kinds: dict[str, str],
    input_kinds: dict[str, str],
    boxes: str | None,
    anchors: Path | None,
    box_parameters: dict[str, str],
    front_end: str | None,
    sample_rate: int | None,
    vocabulary: Path | None,
    tokenizer: str,
) -> None:
    """Pack labels, preprocessing and more into MODEL.

    MODEL is a .tflite made by any tool. The task and golden examples are packed, too.

    Every interpreter loads the file as before. Existing contents, including TFLite Metadata of other tools, are kept
    unless an option replaces them.

    \b
    edgekit pack model.tflite --labels labels.txt --pixel-range -1,1
    edgekit pack model.tflite --data photos/ --output packed.tflite
    edgekit pack yolo.tflite --boxes yolov8 --box-parameter coordinates=pixels
    edgekit pack bert.tflite --vocabulary vocab.txt --tokenizer wordpiece
    """
    require_consistent(needs={"tokenizer": ("vocabulary",)})
    from edgekit.api.arguments import box_head, sound_input, user_claim
    from edgekit.api.vocabularies import tokenizer_of
    from edgekit.artifacts.packing import PackOptions, pack_file
    from edgekit.datasets.readers.image_options import ImageOptions
    from edgekit.reports.terminal.artifacts import print_packed
    from edgekit_runtime.classification import read_labels

    options = PackOptions(
        labels=read_labels(labels) if labels else (),
        data=data,
        seed=seed,
        pixel_ranges=pixel_ranges,
        image_options=ImageOptions(mean, std, color_order, resize),
        claim=user_claim(task, input_kind=input_kinds, output_kind=output_kinds),
        boxes=box_head(boxes, box_parameters, anchors),
        sound=sound_input(front_end, sample_rate),
        tokenizer=tokenizer_of(vocabulary, tokenizer),
    )
    packed = pack_file(model, output or model, options)
    report(packed.to_dict, lambda: print_packed(packed), as_json=as_json)
