"""Converts recordings to another sample rate, with the same bits on every processor."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from edgekit_runtime.errors import UsageError
from edgekit_runtime.sound.exact_arithmetic import sine
from edgekit_runtime.sound.wav import SAMPLE_RATES

#: Zero crossings of the filter on either side of its center, and the shape of its Kaiser window: those of
#: ``scipy.signal.resample_poly``.
_HALF_CROSSINGS, _KAISER_BETA = 10, 5.0
#: A filter of a few MB.
_LARGEST_FACTOR = 50_000
#: Results per block, so that the memory for a long recording stays small.
_BLOCK = 65_536


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Convert a waveform to another sample rate by a polyphase FIR filter.

    Args:
        samples: Floats, (samples,), at ``from_rate``.
        from_rate: Sample rate of the waveform, in Hz.
        to_rate: Wanted sample rate, in Hz.
    Returns:
        float32 (ceil(samples · to_rate / from_rate),); the waveform itself as float32 if the rates are equal.
    Raises:
        UsageError: See :func:`ratio`.
    Source:
        ``scipy.signal.resample_poly`` with its default filter, zero phase and zeros around the waveform.
    """
    up, down = ratio(from_rate, to_rate)
    if up == down:
        return np.asarray(samples, np.float32)
    taps = _phases(up, down)
    count = -(-len(samples) * up // down)
    # The filter reaches this many samples of the waveform back from its center, and as many ahead.
    reach = _HALF_CROSSINGS * max(up, down)
    padding = len(taps)
    padded = np.pad(np.asarray(samples, np.float64), padding)
    result = np.empty(count, np.float32)
    for start in range(0, count, _BLOCK):
        position = np.arange(start, min(start + _BLOCK, count), dtype=np.int64) * down + reach
        # NumPy takes indices of the processor's own width only; positions need 64 bits.
        newest, phase = (position // up + padding).astype(np.intp), (position % up).astype(np.intp)
        total = np.zeros(len(position))
        # One tap after the other, so that no processor adds them in another order.
        for back, tap in enumerate(taps):
            total += padded.take(newest - back, mode="clip") * tap.take(phase)
        result[start : start + len(position)] = total
    return result


def ratio(from_rate: int, to_rate: int) -> tuple[int, int]:
    """The ratio of two sample rates in lowest terms: the new one's part first.

    Raises:
        UsageError: A rate is not one of a recording, or the filter for the two would need too much memory.
    """
    for rate in (from_rate, to_rate):
        require_sample_rate(rate)
    divisor = math.gcd(from_rate, to_rate)
    up, down = to_rate // divisor, from_rate // divisor
    if max(up, down) > _LARGEST_FACTOR:
        raise UsageError(
            "These sample rates have hardly a common factor, so that the filter between them would be very large.",
            expected="usual rates, such as 8,000, 16,000, 22,050, 44,100 or 48,000 Hz",
            received=f"{from_rate:,} and {to_rate:,} Hz",
            next_step="convert the recording to a usual rate first",
        )
    return up, down


def samples_before(count: int, from_rate: int, to_rate: int) -> int:
    """Number of samples at ``from_rate`` that the first ``count`` samples at ``to_rate`` depend on."""
    up, down = ratio(from_rate, to_rate)
    if up == down:
        return count
    return -(-(count * down + _HALF_CROSSINGS * max(up, down)) // up) + 1


def require_sample_rate(rate: object) -> None:
    """Raise an error unless ``rate`` is a sample rate of recordings.

    Raises:
        UsageError: It is not.
    """
    if type(rate) is not int or rate not in SAMPLE_RATES:
        raise UsageError(
            "This is not a sample rate.",
            expected=f"a whole number of Hz from {SAMPLE_RATES[0]:,} to {SAMPLE_RATES[-1]:,}",
            received=f"{rate!r:.40}",
        )


@lru_cache(maxsize=4)
def _phases(up: int, down: int) -> np.ndarray:
    """The low-pass filter, divided into its phases: float64 (taps of a phase, up), its first taps first."""
    largest = max(up, down)
    half = _HALF_CROSSINGS * largest
    offsets = np.arange(-half, half + 1)
    # The sine repeats after two zero crossings; computed once, and exactly.
    sines = np.array([sine(part, 2 * largest) for part in range(2 * largest)])
    angles = np.pi * offsets / largest
    angles[half] = 1
    sinc = sines[offsets % (2 * largest)] / angles
    sinc[half] = 1
    taps = sinc * np.kaiser(2 * half + 1, _KAISER_BETA)
    taps *= up / math.fsum(taps)
    # Rounding to float32 removes the last bits, in which Kaiser windows of two machines may differ.
    taps = taps.astype(np.float32).astype(np.float64)
    phases = np.pad(taps, (0, -len(taps) % up)).reshape(-1, up)
    phases.setflags(write=False)
    return phases
