"""Prepares quantization for a conversion: types of inputs and outputs, and ranges from data or from noise."""

from __future__ import annotations

import logging
from collections.abc import Collection

from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.source import LoweredSource
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.look_ups import rows_by_input
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.quantize import require_possible
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.quantization.samples import random_representative_dataset
from edgekit_runtime.errors import UsageError

_logger = logging.getLogger(__name__)


def io_types_of(
    modes: Collection[Mode], io: IoType, *, has_data: bool, random_calibration: bool = False
) -> dict[Mode, IoType]:
    """The type of inputs and outputs of each mode: ``io``, or float32 if only other modes support ``io``.

    Raises:
        UsageError: No mode supports ``io``, integer activations have no data, or the data is both given and random.
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


def require_integer_weights(modes: Collection[Mode], scheme: Scheme) -> None:
    """Refuse a scheme if all weights stay floating-point numbers.

    Raises:
        UsageError: No mode has scales that the scheme applies to.
    """
    if scheme is not Scheme.PER_CHANNEL and all(mode.record.weight_bits > 8 for mode in modes):
        raise UsageError(
            f"--scheme {scheme.value} does nothing for {' and '.join(mode.value for mode in modes)}.",
            expected="a mode with integer weights, such as int8",
            next_step="add --quantize int8, or leave --scheme out",
        )


def measured_ranges(source: LoweredSource, options: ConversionOptions) -> Ranges:
    """Measure the ranges of the activations on the data, or on noise if there is no data.

    Ranges from quantization-aware training take precedence over those measured on data, but are not used with noise.
    """
    if source.calibration is not None:
        report = source.calibration.report
        _logger.info("calibrating on %d examples of %s", report.samples, report.data)
        measured = calibrate(source.lowered.model, source.calibration.samples())
        return measured.with_learnt(source.lowered.learnt_ranges)
    _logger.info("calibrating on %d random samples", options.samples)
    rows = rows_by_input(source.lowered.model.description)
    noise = random_representative_dataset(source.inputs, options.seed, samples=options.samples, rows=rows)
    return calibrate(source.lowered.model, noise)


def note_on_learnt(source: LoweredSource, ranges: Ranges | None) -> list[str]:
    """A note on how the ranges from quantization-aware training in the source were used."""
    learnt = len(source.lowered.learnt_ranges)
    if not learnt:
        return []
    if ranges is None or not ranges.learnt:
        return [
            f"Quantization-aware training left {learnt} ranges of activations in the file: int8 and int16 use them,"
            " with --data."
        ]
    note = f"Of {learnt} ranges from quantization-aware training {ranges.learnt_in_use} are used"
    if ranges.learnt_in_use == learnt:
        return [f"{note}."]
    return [f"{note}; the others reach more than twice as far as the data: training had not settled them."]
