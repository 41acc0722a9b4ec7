"""What a conversion asks of quantization: the types of inputs and outputs, and ranges from data or from noise."""

from __future__ import annotations

import logging
from collections.abc import Collection

from edgekit.calibration.data import CalibrationData
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE
from edgekit_converters.lowering import LoweredModel
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.quantize import require_possible
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.quantization.samples import random_representative_dataset
from edgekit_runtime.errors import UsageError

_logger = logging.getLogger(__name__)

RANDOM_CALIBRATION_WARNING = (
    "calibrated on random numbers: the model runs, but its answers can be wrong. It is not for use."
)


def io_types_of(
    modes: Collection[Mode], io: IoType, *, has_data: bool, random_calibration: bool = False
) -> dict[Mode, IoType]:
    """The type of inputs and outputs of each mode: ``io``, or float32 beside others that can have it.

    Raises:
        UsageError: No mode can have it, integer activations lack data, or the data is both given and random.
    """
    if random_calibration and has_data:
        raise UsageError(
            "--random-calibration and --data exclude each other.",
            next_step="leave --random-calibration out: ranges measured on real inputs are the better ones",
        )
    able = [mode for mode in modes if io in mode.io_types]
    io_types = {mode: IoType.FLOAT32 if able and mode not in able else io for mode in modes}
    for mode, own in io_types.items():
        require_possible(mode, own, has_data=has_data or random_calibration)
    return io_types


def measured_ranges(
    lowered: LoweredModel,
    calibration: CalibrationData | None,
    *,
    samples: int,
    seed: int,
    pixel_range: tuple[float, float] | None,
) -> Ranges:
    """Measure the ranges of the activations on the data, or on noise where there is none.

    Args:
        lowered: The float model.
        calibration: Real inputs, or None for random ones.
        samples: How many random ones.
        seed: Their seed.
        pixel_range: Real values of pixels 0 and 255, for a model that takes pictures.
    """
    if calibration is not None:
        _logger.info("calibrating on %d examples of %s", calibration.report.samples, calibration.report.data)
        return calibrate(lowered.model, calibration.samples())
    _logger.info("calibrating on %d random samples", samples)
    noise = random_representative_dataset(
        lowered.inputs, seed, samples=samples, pixel_range=pixel_range or DEFAULT_PIXEL_RANGE
    )
    return calibrate(lowered.model, noise)
