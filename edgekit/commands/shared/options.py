"""Options that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from edgekit.commands.shared.completion import complete_data, complete_metrics, complete_targets
from edgekit.counting import listed
from edgekit.datasets.front_end_presets import PRESETS
from edgekit.datasets.kinds import known_kinds
from edgekit_runtime.boxes.layouts import LAYOUTS
from edgekit_runtime.task import INPUT_KINDS, OUTPUT_KINDS, TASKS

Decorated = TypeVar("Decorated", bound=Callable[..., object])

EXISTING_OR_NOT = click.Path(path_type=Path)


def _remember_json(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    """Remember that JSON is requested, so that the group prints errors as JSON, too."""
    ctx.meta["edgekit.json"] = value
    return value


json_option = click.option("--json", "as_json", is_flag=True, callback=_remember_json, help="Print the result as JSON.")
open_option = click.option("--open", "opens", is_flag=True, help="Open the HTML report in the browser.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Random seed.",
)


def data_option(
    required: bool, purpose: str, *, default: str | None = None, also: str | None = None
) -> Callable[[Decorated], Decorated]:
    """The ``--data`` option: data of any kind.

    Args:
        required: Whether there is no command without it.
        purpose: What the data is for; begins the help.
        default: The data that is used without it.
        also: Another name of the option.
    """
    return click.option(
        "--data",
        *((also,) if also else ()),
        "data",
        required=required,
        default=default,
        show_default=default is not None,
        metavar="NAME|PATH|FUNCTION",
        shell_complete=complete_data,
        help=f"{purpose}: {known_kinds()}.",
    )


scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Run the work on the workers of this Dask scheduler, such as tcp://host:8786; needs edgekit[cluster]. "
    "Use it in trusted networks only.",
)


def workers_options(command: Decorated) -> Decorated:
    """The options for where the work runs; see ``edgekit.jobs.opening``."""
    cluster = click.option(
        "--cluster", metavar="local:N", help="Run the work in N processes of this machine. [default: this process]"
    )
    return scheduler_option(cluster(command))


label_column_option = click.option(
    "--label-column",
    metavar="NAME|NUMBER",
    help="Column of the ground truth in a table. [default: the one called label, or the one after the model's inputs]",
)


class PixelRange(click.ParamType):
    """Two numbers ``MIN,MAX``: what the pixel values 0 and 255 become at the model's input."""

    name = "MIN,MAX"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected two numbers such as 0,1 or -1,1, received {value!r}", param, ctx)
        if not low < high:
            self.fail(f"expected MIN below MAX, received {value!r}", param, ctx)
        return low, high


class Named(click.ParamType):
    """A value for one input or output, ``NAME=VALUE``; without a name it is for the only one or for all.

    Args:
        value_type: Type of the value.
        name: Placeholder in help texts.
    """

    def __init__(self, value_type: click.ParamType, name: str) -> None:
        self._value_type = value_type
        self.name = name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, object]:
        if isinstance(value, tuple):
            return value
        # Names may contain an equals sign, values may not.
        name, _, text = str(value).rpartition("=")
        return name, self._value_type.convert(text, param, ctx)


def _by_name(
    ctx: click.Context, parameter: click.Parameter, values: tuple[tuple[str, object], ...]
) -> dict[str, object]:
    """The values of an option that can be given once for each input or output."""
    names = [name for name, _ in values]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise click.BadParameter(f"given twice for {twice}" if twice else "given twice without a name", ctx, parameter)
    return dict(values)


class Numbers(click.ParamType):
    """One number, or one per channel: ``127.5`` or ``0.485,0.456,0.406``."""

    name = "NUMBERS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected numbers such as 127.5 or 0.485,0.456,0.406, received {value!r}", param, ctx)
        if not all(math.isfinite(number) for number in numbers):
            self.fail(f"expected finite numbers, received {value!r}", param, ctx)
        return numbers


class MemorySize(click.ParamType):
    """A number of bytes, with the suffix K, M or G for powers of 1,000."""

    name = "SIZE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,15})([KMG]?)B?", str(value).strip().upper(), re.ASCII)
        if not match or not int(match[1]):
            self.fail(f"expected a size such as 800M or 2G, received {value!r}", param, ctx)
        return int(match[1]) * 1000 ** " KMG".index(match[2] or " ")


class InputShape(click.ParamType):
    """Whole numbers such as ``224,224,3``: the shape of an input without the batch dimension."""

    name = "SIZES"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"expected whole numbers such as 224,224,3, received {value!r}", param, ctx)
        if min(sizes) < 1:
            self.fail(f"expected sizes of at least 1, received {value!r}", param, ctx)
        return sizes


target_option = click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_targets,
    help="Runtime that the model must run on; repeatable. `edgekit targets` lists them.",
)
pixel_range_option = click.option(
    "--pixel-range",
    "pixel_ranges",
    multiple=True,
    type=Named(PixelRange(), "[NAME=]MIN,MAX"),
    callback=_by_name,
    help="Values of pixels 0 and 255 at the model's image input; NAME selects one of several inputs. "
    "[default: 0,1, or 0,255 for a model that rescales by itself]",
)


def image_options(function: Decorated) -> Decorated:
    """The options for image preprocessing, except the pixel range."""
    for option in (
        click.option(
            "--resize",
            type=click.Choice(["stretch", "crop", "pad", "letterbox", "nearest"]),
            help="How images are resized to the model's input: stretch, crop around the centre, pad with black, "
            "letterbox (pad with grey, as YOLO does), or nearest (stretch without smoothing). [default: stretch]",
        ),
        click.option(
            "--color-order",
            type=click.Choice(["rgb", "bgr"]),
            help="Channel order of the model; bgr for models from Caffe and OpenCV. [default: rgb]",
        ),
        click.option("--std", type=Numbers(), help="Divisor of pixels after --mean is subtracted. [default: 1]"),
        click.option(
            "--mean",
            type=Numbers(),
            help="Value subtracted from pixels after --pixel-range: one number, or one per channel.",
        ),
    ):
        function = option(function)
    return function


#: Tokenizers for a vocabulary file; a test compares them with the registry, which a help text should not import.
TOKENIZER_NAMES = ("words", "characters", "wordpiece", "sentencepiece")


def vocabulary_options(function: Decorated) -> Decorated:
    """Add ``--vocabulary`` and ``--tokenizer`` to a command."""
    for option in (
        click.option(
            "--tokenizer",
            type=click.Choice(TOKENIZER_NAMES),
            default="words",
            show_default=True,
            help="Tokenizer of --vocabulary.",
        ),
        click.option(
            "--vocabulary",
            type=EXISTING_OR_NOT,
            help="Vocabulary of a model that takes tokens, so that the device takes texts: one token per line in the "
            "order of the indices, or a model of SentencePiece. [default: that of the model's TextVectorization]",
        ),
    ):
        function = option(function)
    return function


def box_options(function: Decorated) -> Decorated:
    """How a detector's outputs become boxes."""
    for option in (
        click.option(
            "--box-parameter",
            "box_parameters",
            multiple=True,
            type=Named(click.STRING, "NAME=VALUE"),
            callback=_by_name,
            help="Parameter of the head layout, such as coordinates=normalized or strides=8,16,32; outputs=NAME,NAME "
            "names its outputs in order.",
        ),
        click.option(
            "--anchors",
            type=EXISTING_OR_NOT,
            help="Anchor table of an SSD: an .npy (N, 4), or text with four numbers per line.",
        ),
        click.option(
            "--boxes",
            type=click.Choice(list(LAYOUTS)),
            help="Head layout of a detector, whose boxes detect() then finds. "
            "[default: as packed, or that of TFLite_Detection_PostProcess]",
        ),
    ):
        function = option(function)
    return function


def sound_options(function: Decorated) -> Decorated:
    """How recordings become the model's input."""
    for option in (
        click.option(
            "--sample-rate",
            type=click.IntRange(min=1),
            metavar="HZ",
            help="Sample rate of the recordings that the model was trained on; others are resampled. "
            "[default: as packed, or that of --front-end]",
        ),
        click.option(
            "--front-end",
            metavar="FILE.json|PRESET",
            help=f"How recordings become the model's spectrograms: a file, or {listed(list(PRESETS), 'or')}. "
            "[default: as packed]",
        ),
    ):
        function = option(function)
    return function


def task_options(function: Decorated) -> Decorated:
    """What the model's inputs and outputs are, if the user says so."""
    for option in (
        click.option(
            "--input",
            "input_kinds",
            multiple=True,
            type=Named(click.Choice(list(INPUT_KINDS)), "[NAME=]KIND"),
            callback=_by_name,
            help=f"Kind of one input: {', '.join(INPUT_KINDS)}.",
        ),
        click.option(
            "--output-kind",
            "output_kinds",
            multiple=True,
            type=Named(click.Choice(list(OUTPUT_KINDS)), "[NAME=]KIND"),
            callback=_by_name,
            help=f"Kind of one output or of all outputs: {', '.join(OUTPUT_KINDS)}.",
        ),
        click.option(
            "--task",
            type=click.Choice(list(TASKS)),
            help="Task of the model, which decides how it is judged. [default: derived from the model and the data]",
        ),
    ):
        function = option(function)
    return function


def budget_options(command: Decorated) -> Decorated:
    """The options of an accuracy budget."""
    options = (
        click.option(
            "--max-drop",
            type=click.FloatRange(min=0),
            help="Accuracy budget: largest allowed drop from the float model on held-back data, e.g. 0.005 for half a "
            "point of top-1. If int8 misses it, as few operators as necessary stay in float. Exits with 3 if no model "
            "meets it. [default with auto: 0.005]",
        ),
        click.option(
            "--metric",
            "metrics",
            multiple=True,
            type=Named(click.STRING, "[OUTPUT=]NAME"),
            callback=_by_name,
            shell_complete=complete_metrics,
            help="Metric for --max-drop, for one output or for all: top1, agreement, f1, mean_iou, pixel_accuracy, "
            "token_accuracy, exact_match, ap, ap50, r2, mse, mae, rmse, cosine, snr, or a scikit-learn scorer. "
            "[default: by the output's kind]",
        ),
        click.option(
            "--strict",
            is_flag=True,
            help="Also exit with 3 if there are too few examples to show that the budget is met.",
        ),
        click.option(
            "--prefer",
            type=click.Choice(["speed", "size"]),
            help="What auto prefers among the models within the budget. [default: speed]",
        ),
        click.option(
            "--device",
            metavar="DEVICE",
            help="With auto: time the models where they will run, since a workstation ranks them differently: "
            "ssh:USER@HOST, or the path of a Python. [default: this machine]",
        ),
        click.option(
            "--figure",
            type=EXISTING_OR_NOT,
            help="Write a PNG of size, latency and drop of every judged model. [default with auto: next to the output]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
