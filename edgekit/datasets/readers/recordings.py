"""Reads WAV files as waveforms of the model's input length."""

from __future__ import annotations

import struct
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from edgekit.datasets.readers.folders import Listing
from edgekit.datasets.readers.npy_header import UNREADABLE
from edgekit.datasets.source import Source
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError

_MOST_INTEGER_BYTES = 4
#: Floats beyond 1 are clipped in playback. A mix may contain some, but none as large as this.
_LOUDEST = 100.0


def recording_source(listing: Listing, model_input: ModelInput) -> Source:
    """A source of recordings that are decoded on request, as float32 from -1 to 1.

    Channels are averaged into one. A recording longer than the model's input is truncated at its end, and a shorter one
    is padded with silence. The recordings are not resampled, and all files must have the same sample rate.

    Args:
        listing: Files of the recordings.
        model_input: Input of shape (N, samples) or (N, samples, 1).
    Raises:
        DataError: The model does not take waveforms, or the first file is not a WAV file.
    """
    length = _waveform_length(model_input)
    rate, first = read_wav(listing.files[0])
    length = len(first) if length == -1 else length
    changes: Counter[str] = Counter()

    def decode(path: Path) -> np.ndarray:
        own_rate, samples = read_wav(path)
        if own_rate != rate:
            raise DataError(
                f"{path} has another sample rate than {listing.files[0].name}.",
                expected=f"{rate} Hz",
                received=f"{own_rate} Hz",
                next_step="resample all recordings to the rate that the model was trained on",
            )
        if len(samples) != length:
            changes["cut" if len(samples) > length else "filled with silence"] += 1
        return np.pad(samples[:length], (0, max(0, length - len(samples))))

    def notes() -> tuple[str, ...]:
        done = [f"{count} {what}" for what, count in sorted(changes.items())]
        return (f"recordings of {rate:,} Hz as {length:,} samples" + (f": {', '.join(done)}" if done else ""),)

    return listing.source(decode, notes)


def read_wav(path: Path) -> tuple[int, np.ndarray]:
    """Read a WAV file.

    Returns:
        Sample rate in Hz, and waveform, float32 from -1 to 1, shape (samples,).
    Raises:
        DataError: The file is damaged or is not a WAV file of integers or floats.
    """
    from scipy.io import wavfile

    try:
        _require_whole(path)
        with warnings.catch_warnings():
            # Chunks unknown to SciPy, such as one with a title, do not matter here.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except (*UNREADABLE, struct.error, ZeroDivisionError, UnboundLocalError) as error:
        # If a file ends before its data, SciPy raises UnboundLocalError, whose text does not name the reason.
        reason = "an end before the data" if isinstance(error, UnboundLocalError) else str(error)
        raise DataError(
            f"{path} could not be read as WAV.",
            expected="a recording of 8, 16, 24 or 32 bits",
            received=reason or type(error).__name__,
        ) from error
    if samples.size == 0:
        raise DataError(f"{path} is empty.", expected="a recording", received="no samples")
    if rate <= 0 or (samples.dtype.kind == "i" and samples.dtype.itemsize > _MOST_INTEGER_BYTES):
        raise DataError(
            f"{path} is not a recording.",
            expected="a sample rate, and integers of at most 32 bits",
            received=f"{rate} Hz, {8 * samples.dtype.itemsize} bits",
        )
    waveform = _to_floats(samples)
    peak = float(np.abs(waveform).max())
    if peak > _LOUDEST:
        raise DataError(
            f"{path} holds values far from those of a recording.",
            expected="floats from -1 to 1",
            received=f"values up to {peak:.3g}",
            next_step="save it with 16 bits, or divide the values",
        )
    return int(rate), waveform.mean(1, dtype=np.float32) if waveform.ndim == 2 else waveform


def _require_whole(path: Path) -> None:
    """Refuse a file with less data than its header declares, such as an interrupted recording or copy.

    Raises:
        ValueError: The file is truncated or is not a WAV file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        order = {b"RIFF": "<", b"RIFX": ">"}.get(head[:4])
        if order is None or head[8:] != b"WAVE":
            raise ValueError("a file of another kind")
        while len(chunk := file.read(8)) == 8:
            name, length = struct.unpack(f"{order}4sI", chunk)
            if file.tell() + length > size:
                held = size - file.tell()
                raise ValueError(f"{held:,} bytes of the {length:,} that its header declares: it was broken off")
            if name == b"data":
                return
            # A chunk of odd length is followed by a padding byte.
            file.seek(length + length % 2, 1)
    raise ValueError("an end before the data")


def _to_floats(samples: np.ndarray) -> np.ndarray:
    if samples.dtype == np.uint8:
        # Only 8-bit WAV is unsigned; 128 is silence.
        return ((samples.astype(np.float32) - 128) / 128).astype(np.float32)
    if samples.dtype.kind == "i":
        # SciPy stores 24-bit samples in the upper three bytes of 32 bits.
        return (samples / float(1 << (8 * samples.dtype.itemsize - 1))).astype(np.float32)
    return samples.astype(np.float32)


def _waveform_length(model_input: ModelInput) -> int:
    sizes = model_input.shape[1:]
    if model_input.dtype != "float32" or not (len(sizes) == 1 or (len(sizes) == 2 and sizes[1] == 1)):
        raise DataError(
            "The model takes no waveforms, and WAV files hold nothing else.",
            expected="an input (N, samples) or (N, samples, 1) of float32",
            received=f"{model_input.dtype} {model_input.shape}",
            next_step="pass what the model takes, such as spectrograms, as .npy files or python:module:function",
        )
    return sizes[0]
