"""Triangular filters on the mel scale, as TensorFlow, Keras and librosa define them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

#: TensorFlow and Keras: HTK's mel scale, triangles with straight sides on the mel axis, and no bin 0.
TENSORFLOW = "tensorflow"
#: librosa with ``htk=True`` and torchaudio: HTK's mel scale, triangles with straight sides in hertz.
HTK = "htk"
#: librosa's default: Slaney's mel scale, which is linear up to 1,000 Hz, triangles with straight sides in hertz.
SLANEY = "slaney"
MEL_SCALES = (TENSORFLOW, HTK, SLANEY)
#: Norm that gives each triangle the same area, in librosa the default: peak 2 / (width in hertz).
AREA_NORM = "slaney"
MEL_NORMS = ("none", AREA_NORM)

# Slaney's scale: 200/3 Hz per mel up to 1,000 Hz, above that 27 mels per factor of 6.4.
_SLANEY_HZ_PER_MEL = 200 / 3
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_STEP = math.log(6.4) / 27
#: TensorFlow rounds HTK's 2595 / ln 10.
_HTK_FACTOR = {TENSORFLOW: 1127.0, HTK: 2595 / math.log(10)}


class MelFilters:
    """A bank of triangular filters, each stored as the few bins that it covers.

    Args:
        bands: Number of filters.
        bins: Number of bins of the spectrum, from 0 Hz to half the sample rate.
        sample_rate: Sample rate in Hz.
        lower_hz: Lower edge of the first filter.
        upper_hz: Upper edge of the last filter.
        scale: One of ``MEL_SCALES``.
        norm: One of ``MEL_NORMS``.
    """

    def __init__(
        self, *, bands: int, bins: int, sample_rate: int, lower_hz: float, upper_hz: float, scale: str, norm: str
    ) -> None:
        low, high = _hertz_to_mel(np.array([lower_hz, upper_hz]), scale)
        mels = np.linspace(low, high, bands + 2)
        edges = _mel_to_hertz(mels, scale)
        spectrum = np.arange(bins) * (sample_rate / 2 / (bins - 1))
        if scale == TENSORFLOW:
            weights = _triangles(_hertz_to_mel(spectrum, scale), mels)
            weights[0] = 0
        else:
            weights = _triangles(spectrum, edges)
        if norm == AREA_NORM:
            weights *= 2 / (edges[2:] - edges[:-2])
        # Rounding to float32 removes the last bits, in which logarithms and powers of two machines may differ.
        weights = weights.astype(np.float32)
        weights.setflags(write=False)
        self.weights = weights
        """float32 (bins, bands)."""
        steps = list(_steps(weights))
        self._first_bands = [first_band for first_band, _, _ in steps]
        self._bins = np.concatenate([rows for _, rows, _ in steps])
        self._weights = np.concatenate([column for _, _, column in steps])[:, np.newaxis]

    def __call__(self, spectrum: np.ndarray) -> np.ndarray:
        """Sum the bins of each filter, one after the other so that no processor adds them in another order.

        Args:
            spectrum: float32 (bins, frames).
        Returns:
            float32 (bands, frames).
        """
        weighted = spectrum.take(self._bins, axis=0)
        weighted *= self._weights
        total = np.zeros((self.weights.shape[1], spectrum.shape[1]), np.float32)
        start = 0
        for first_band in self._first_bands:
            stop = start + len(total) - first_band
            total[first_band:] += weighted[start:stop]
            start = stop
        return total


def _steps(weights: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """What to add one after the other: the next bin of each band from a first band on, and its weight.

    The upper bands are wider than the lower ones, so that the later steps need the last bands only.
    """
    bins, bands = weights.shape
    covered = weights > 0
    first = covered.argmax(0)
    widths = np.where(covered.any(0), bins - covered[::-1].argmax(0) - first, 0)
    for offset in range(widths.max(initial=0)):
        start = int((widths > offset).argmax())
        rows = np.minimum(first[start:] + offset, bins - 1)
        yield start, rows, np.where(widths[start:] > offset, weights[rows, range(start, bands)], np.float32(0))


def _mel_to_hertz(mels: np.ndarray, scale: str) -> np.ndarray:
    if scale == SLANEY:
        above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_STEP * (mels - _SLANEY_BREAK_MEL))
        return np.where(mels < _SLANEY_BREAK_MEL, mels * _SLANEY_HZ_PER_MEL, above)
    return np.asarray(700 * (np.exp(mels / _HTK_FACTOR[scale]) - 1))


def _hertz_to_mel(hertz: np.ndarray, scale: str) -> np.ndarray:
    if scale == SLANEY:
        above = _SLANEY_BREAK_MEL + np.log(np.maximum(hertz, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ) / _SLANEY_STEP
        return np.where(hertz < _SLANEY_BREAK_HZ, hertz / _SLANEY_HZ_PER_MEL, above)
    return np.asarray(_HTK_FACTOR[scale] * np.log(1 + hertz / 700))


def _triangles(spectrum: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Triangles with the peak 1: (bins, bands)."""
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (spectrum[:, np.newaxis] - lower) / (center - lower)
    falling = (upper - spectrum[:, np.newaxis]) / (upper - center)
    return np.maximum(0, np.minimum(rising, falling))
