"""Declares the options of a conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.artifacts.box_heads import BoxOptions
from edgekit.artifacts.ctc_output import CtcOptions
from edgekit.budget.request import BudgetRequest
from edgekit.datasets.readers.image_options import ImageOptions
from edgekit.datasets.readers.memory import MemoryData
from edgekit.datasets.sound_options import SoundOptions
from edgekit_converters.finetuning.options import FineTuningOptions
from edgekit_converters.quantization.modes import IoType, Scheme
from edgekit_runtime.task import NOTHING_SAID, Claim
from edgekit_runtime.text import Tokenizer


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """Options of a conversion.

    Attributes:
        io: Type of the inputs and outputs of all variants that support it.
        scheme: Granularity of the scales of integer weights.
        data: Data for calibration, by name or path, or in memory.
        random_calibration: Whether to calibrate on noise instead; the result is marked.
        samples: Maximum number of examples for calibration.
        seed: Seed for choosing these examples.
        label_column: Label column if the data is a table; None detects it.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image; the model's own
            values apply to all other images.
        image_options: Further options for preprocessing images.
        labels: Class names; if empty, those of the dataset are used.
        targets: Names of the runtimes that every file must run on.
        budget: Accuracy that may be lost; with a budget, only the selected model of all modes is written.
        claim: The user's declaration of the model's task.
        boxes: The user's declaration of how outputs become boxes.
        keep_float: Kinds of operators that stay in float in modes with integer activations, in any case.
        ctc: The user's declaration of a CTC output; None if the model has none.
        recovery: Options of fine-tuning for int8 and int4; None for none.
        repairs: Whether to repair the float model before int8 if there is data.
        sound: The user's declaration of how recordings become the input.
        tokenizer: Makes the only input of tokens from texts; None if the model itself says how, or takes no texts.
    """

    io: IoType = IoType.FLOAT32
    scheme: Scheme = Scheme.PER_CHANNEL
    data: str | MemoryData | None = None
    random_calibration: bool = False
    samples: int = 256
    seed: int = 0
    label_column: str | None = None
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    image_options: ImageOptions = field(default_factory=ImageOptions)
    labels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    budget: BudgetRequest | None = None
    claim: Claim = NOTHING_SAID
    boxes: BoxOptions = field(default_factory=BoxOptions)
    keep_float: tuple[str, ...] = ()
    ctc: CtcOptions | None = None
    repairs: bool = True
    sound: SoundOptions = field(default_factory=SoundOptions)
    tokenizer: Tokenizer | None = None
    recovery: FineTuningOptions | None = None
