"""How to convert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit.budget.request import BudgetRequest
from edgekit.datasets.readers.memory import MemoryData
from edgekit.datasets.readers.pictures import PictureOptions
from edgekit_converters.quantization.modes import IoType, Scheme
from edgekit_runtime.task import NOTHING_SAID, Claim


@dataclass(frozen=True, slots=True)
class ConversionOptions:
    """How to convert.

    Attributes:
        io: Type of inputs and outputs of the variants that can have it.
        scheme: How many scales integer weights have.
        data: Data for calibration, by name or path, or in memory.
        random_calibration: Calibrate on noise instead; marks what is made.
        samples: How many examples calibration takes, at most.
        seed: Seed of the choice of these examples.
        label_column: Column of labels where the data is a table; None finds it.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image; others take the
            model's own.
        pictures: What else is known of how pictures become the model's input.
        labels: Names of the classes; empty takes the data set's.
        targets: Names of the runtimes that every file has to run on.
        budget: How much accuracy may be lost; with one, of all modes asked for only the model selected is written.
        claim: What the user says of the model's task.
    """

    io: IoType = IoType.FLOAT32
    scheme: Scheme = Scheme.PER_CHANNEL
    data: str | MemoryData | None = None
    random_calibration: bool = False
    samples: int = 256
    seed: int = 0
    label_column: str | None = None
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pictures: PictureOptions = field(default_factory=PictureOptions)
    labels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    budget: BudgetRequest | None = None
    claim: Claim = NOTHING_SAID
