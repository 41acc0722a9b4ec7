"""``edgekit convert``: a Keras, TensorFlow or PyTorch model becomes a .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgekit.commands.shared.many_models_options import convert_many_models, many_models_options, options_of_one_model
from edgekit.commands.shared.option_groups import GroupedCommand
from edgekit.commands.shared.option_rules import require_consistent
from edgekit.commands.shared.options import (
    EXISTING_OR_NOT,
    InputShape,
    MemorySize,
    box_options,
    budget_options,
    data_option,
    image_options,
    json_option,
    label_column_option,
    pixel_range_option,
    seed_option,
    sound_options,
    target_option,
    task_options,
    vocabulary_options,
)
from edgekit.commands.shared.reporting import report, require
from edgekit.commands.shared.sequence_options import (
    CTC_OPTIONS,
    SEQUENCE_NEEDS,
    convert_pair_of_files,
    sequence_options,
)
from edgekit.counting import listed
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_runtime.errors import UsageError

_IN_ALL = [mode.value for mode in Mode if mode.record.in_all]
_PARTS = listed([mode.record.help for mode in Mode], "or")
_CALIBRATED = listed([mode.value for mode in Mode if mode.needs_calibration], "and")
_INTEGER_IO = "; ".join(
    f"{listed([io.value for io in mode.io_types[1:]], 'and')} with {mode.value}" for mode in Mode if mode.io_types[1:]
)


#: Names of parameters, the everyday ones first.
_GROUPS = {
    "Everyday options": ("quantize", "data", "max_drop", "targets", "output"),
    "Input": (
        "input_shape",
        "signature",
        "channels_last",
        "architecture",
        "custom_objects",
        "allow_unsafe",
        "max_memory",
    ),
    "Quantization": ("every", "io", "scheme", "repair", "keep_float", "random_calibration", "samples", "seed"),
    "Fine-tuning": ("recover", "epochs", "learning_rate"),
    "Data and images": ("label_column", "labels", "pixel_ranges", "mean", "std", "color_order", "resize"),
    "Sound": ("front_end", "sample_rate"),
    "Texts": ("vocabulary", "tokenizer"),
    "Task": ("task", "output_kinds", "input_kinds", "boxes", "anchors", "box_parameters"),
    "Sequences": (
        "pair",
        "ctc_blank",
        "sequence_vocabulary",
        "sequence_tokenizer",
        "start_token",
        "end_token",
        "max_length",
        "beams",
        "length_penalty",
    ),
    "Many models": ("config", "jobs", "scheduler", "html", "table"),
    "Budget": ("metrics", "strict", "prefer", "device", "figure"),
}

#: Parameters that apply to a single model only.
_NOT_WITH_A_PAIR = (
    *("every", "io", "random_calibration", "label_column", "labels", "pixel_ranges", "mean", "std"),
    *("color_order", "resize", "task", "output_kinds", "input_kinds", "input_shape", "channels_last", "signature"),
    *("boxes", "anchors", "box_parameters", "keep_float", "recover", "epochs", "learning_rate"),
    *("ctc_blank", "architecture", "metrics", "strict", "prefer", "device", "figure"),
)


@click.command(cls=GroupedCommand, groups=_GROUPS)
@click.argument("model", type=EXISTING_OR_NOT, nargs=-1)
@click.option(
    "--quantize",
    type=click.Choice([*(mode.value for mode in Mode), "auto"]),
    default="none",
    show_default=True,
    help=f"Quantization mode: {_PARTS}; auto measures them all and selects one within the budget.",
)
@click.option("--all", "every", is_flag=True, help=f"Write every variant: {listed(_IN_ALL, 'and')}.")
@click.option(
    "--io",
    type=click.Choice([io.value for io in IoType]),
    default="float32",
    show_default=True,
    help=f"Type of inputs and outputs: float32 with every mode; {_INTEGER_IO}.",
)
@click.option(
    "--scheme",
    type=click.Choice([scheme.value for scheme in Scheme]),
    default="per-channel",
    show_default=True,
    help="Scales of integer weights: one per channel, or one per layer, which every accelerator can read.",
)
@click.option(
    "--repair",
    type=click.Choice(["auto", "off"]),
    default="auto",
    show_default=True,
    help="Repair the float model before int8: equalize channels, absorb offsets, clamp masks; plain int8 is kept if "
    "that is no worse.",
)
@click.option(
    "--keep-float",
    multiple=True,
    metavar="OPERATOR",
    help="Leave operators of this kind in float in int8 and int16x8, such as hard_swish; edgekit bench --explain names "
    "those that are slow as integers. Repeatable.",
)
@click.option(
    "--recover",
    is_flag=True,
    help="Fine-tune for int8 and int4 on --data, with the float model as teacher; no labels are needed. The result is "
    "used if held-back data shows that it is nearer to the float model. An interrupted run continues when repeated.",
)
@click.option("--epochs", type=click.IntRange(1, 1000), help="Largest number of epochs of --recover. [default: 10]")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 1, min_open=True),
    help="Learning rate of --recover, relative to the size of the weights. [default: 0.002]",
)
@data_option(required=False, purpose=f"Real inputs that {_CALIBRATED} are calibrated on, and a budget is judged on")
@click.option(
    "--random-calibration",
    is_flag=True,
    help="Calibrate on noise, only to see whether a model runs; predictions get worse.",
)
@label_column_option
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Maximum number of examples to calibrate on.",
)
@seed_option
@click.option("--labels", type=EXISTING_OR_NOT, help="Text file, one class name per line. [default: those of --data]")
@pixel_range_option
@image_options
@task_options
@box_options
@sound_options
@target_option
@click.option(
    "--input-shape", type=InputShape(), help="Input shape without the batch dimension, for a model that leaves it open."
)
@click.option(
    "--channels-last",
    is_flag=True,
    help="Take the images of a PyTorch program as (N, H, W, C); the transpose becomes part of the model, where most of "
    "it is optimized away.",
)
@click.option(
    "--signature", metavar="NAME", help="Signature of a SavedModel. [default: serving_default, or the only one]"
)
@click.option(
    "--architecture",
    metavar="FILE|MODULE:FUNCTION",
    help="For a file of weights only: model.json, model.yaml, module:function, or reference-cnn.",
)
@click.option(
    "--custom-objects",
    multiple=True,
    metavar="MODULE:CLASS",
    help="Your own class that the model uses; its module is imported. Repeatable.",
)
@click.option(
    "--allow-unsafe", is_flag=True, help="Load what the scan refuses, and run the code that the file carries."
)
@click.option(
    "--max-memory",
    type=MemorySize(),
    default="512M",
    show_default=True,
    help="Refuse a model with a tensor larger than this at batch size 1, such as 800M or 2G (bytes; M and G are powers "
    "of 1,000); the size of MODEL is always allowed.",
)
@vocabulary_options
@sequence_options
@budget_options
@click.option(
    "-o",
    "--output",
    type=EXISTING_OR_NOT,
    help="File to write, or a folder to write it to; with --all, a folder. [default: beside MODEL]",
)
@many_models_options
@json_option
def command(
    model: tuple[Path, ...],
    quantize: str,
    every: bool,
    io: str,
    scheme: str,
    repair: str,
    keep_float: tuple[str, ...],
    recover: bool,
    epochs: int | None,
    learning_rate: float | None,
    data: str | None,
    random_calibration: bool,
    label_column: str | None,
    samples: int,
    seed: int,
    labels: Path | None,
    pixel_ranges: dict[str, tuple[float, float]],
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    color_order: str | None,
    resize: str | None,
    targets: tuple[str, ...],
    input_shape: tuple[int, ...] | None,
    channels_last: bool,
    signature: str | None,
    architecture: str | None,
    custom_objects: tuple[str, ...],
    allow_unsafe: bool,
    max_memory: int,
    max_drop: float | None,
    metrics: dict[str, str],
    strict: bool,
    prefer: str | None,
    device: str | None,
    figure: Path | None,
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
    config: Path | None,
    jobs: int | None,
    scheduler: str | None,
    html: Path | None,
    table: Path | None,
    **sequences: Any,
) -> None:
    """Convert MODEL, a Keras or PyTorch model, to TFLite.

    MODEL is an .h5 or .keras file, a SavedModel folder, or a .pt2 of PyTorch. Several models, or a folder of them, are
    converted in parallel; repeat the command to continue after an interruption.

    \b
    edgekit convert model.h5
    edgekit convert model.h5 --quantize int8 --data digits
    edgekit convert model.h5 --quantize int8 --data photos/ --max-drop 0.005
    edgekit convert model.h5 --quantize int4 --data photos/ --recover
    edgekit convert model.h5 --quantize auto --data photos/ --prefer size
    edgekit convert model.h5 --all --data photos/ --output variants/
    edgekit convert model.h5 --quantize dynamic --target tflite-runtime-2.14
    edgekit convert detector.keras --boxes ssd --anchors anchors.npy
    edgekit convert words.keras --data recordings/ --front-end log-mel
    edgekit convert --pair encoder.keras decoder.keras --data pairs.npz
    edgekit convert models/ a.h5 --output out/ --report models.html
    """
    from edgekit.api.converting import convert
    from edgekit.conversion.output_paths import ALL, AUTO, output_paths
    from edgekit.many_models.planning import has_models
    from edgekit.progress import progress_bar
    from edgekit.reports.figures.pareto import draw_pareto
    from edgekit.reports.terminal.conversion import print_conversion

    require_consistent(
        needs={
            "label_column": ("data",),
            "repair": ("data",),
            "recover": ("data",),
            "epochs": ("recover",),
            "learning_rate": ("recover",),
            "samples": ("data", "random_calibration"),
            "tokenizer": ("vocabulary",),
            **SEQUENCE_NEEDS,
        },
        values={
            "repair": ("quantize", (Mode.INT8.value, "auto"), "every"),
            "keep_float": ("quantize", (Mode.INT8.value, Mode.INT16X8.value, "auto"), "every"),
            "recover": ("quantize", (Mode.INT8.value, Mode.INT4.value, "auto"), "every"),
        },
        excludes={
            "every": ("quantize", "prefer"),
            "pair": (*_NOT_WITH_A_PAIR, "jobs", "scheduler", "html", "table"),
            "scheduler": ("jobs",),
            "config": options_of_one_model(),
        },
    )
    if sequences["pair"] and model:
        raise UsageError("--pair and model contradict each other.", next_step="leave one of them out")
    if not (model or sequences["pair"] or config):
        raise click.UsageError("Missing argument 'MODEL'.")
    for each in sequences["pair"] or model:
        if allow_unsafe:
            click.echo(f"--allow-unsafe: code that {each.name} carries will run on this machine.", err=True)
    if sequences["pair"]:
        convert_pair_of_files(
            output,
            as_json=as_json,
            quantize=quantize,
            data=data,
            max_drop=max_drop,
            repair=repair,
            targets=targets,
            scheme=scheme,
            samples=samples,
            seed=seed,
            custom_objects=custom_objects,
            allow_unsafe=allow_unsafe,
            max_memory=max_memory,
            vocabulary=vocabulary,
            tokenizer=tokenizer,
            **{name: value for name, value in sequences.items() if name != "ctc_blank"},
        )
        return
    options: dict[str, Any] = dict(
        quantize=ALL if every else quantize,
        data=data,
        max_drop=max_drop,
        targets=targets,
        io=io,
        scheme=scheme,
        repair=repair,
        keep_float=keep_float,
        recover=recover,
        epochs=epochs,
        learning_rate=learning_rate,
        samples=samples,
        seed=seed,
        random_calibration=random_calibration,
        label_column=label_column,
        labels=labels or (),
        pixel_range=pixel_ranges,
        mean=mean,
        std=std,
        color_order=color_order,
        resize=resize,
        task=task,
        output_kind=output_kinds,
        input_kind=input_kinds,
        boxes=boxes,
        box_parameters=box_parameters,
        anchors=anchors,
        front_end=front_end,
        sample_rate=sample_rate,
        vocabulary=vocabulary,
        tokenizer=tokenizer,
        input_shape=input_shape,
        channels_last=channels_last,
        signature=signature,
        architecture=architecture,
        custom_objects=custom_objects,
        allow_unsafe=allow_unsafe,
        max_memory=max_memory,
        metric=metrics,
        strict=strict,
        prefer=prefer,
        device=device,
        **{name: sequences[name] for name in CTC_OPTIONS},
    )
    if config or jobs or scheduler or html or table or len(model) > 1 or has_models(model[0]):
        if figure is not None:
            raise UsageError("--figure is for one model.", next_step="leave it out; --report has the sizes and drops")
        convert_many_models(
            model,
            config,
            output,
            options,
            processes=jobs,
            scheduler=scheduler,
            html=html,
            table=table,
            as_json=as_json,
        )
        return
    source = model[0]
    with progress_bar(f"Converting {source.name}", total=None):
        conversion = convert(source, output, figure=figure, **options)
    if conversion.budget and quantize == AUTO and figure is None:
        planned = next(iter(output_paths(source, output, quantize, IoType(io)).values()))
        figure = planned.with_suffix(".png")
        draw_pareto(conversion.budget, figure)
    report(conversion.to_dict, lambda: print_conversion(source.name, conversion), as_json=as_json)
    if conversion.budget and figure:
        click.echo(f"Wrote {figure}.", err=True)
    # Warnings are printed last, so that they are not overlooked.
    for warning in conversion.warnings:
        click.echo(f"Warning: {warning}", err=True)
    require([conversion.budget.require_met] if conversion.budget else [], as_json=as_json)
