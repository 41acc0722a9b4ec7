"""Reads WAV files as waveforms of the model's input length."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekit.datasets.readers.folders import Listing
from edgekit.datasets.source import Source
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.sound.sound_input import SoundInput, SoundSettings
from edgekit_runtime.sound.wav import read_wav_header


def recording_source(listing: Listing, model_input: ModelInput) -> Source:
    """A source of recordings that are decoded on request, as waveforms, float32 from -1 to 1.

    Channels are averaged into one. A recording longer than the model's input is truncated at its end, and a shorter one
    is padded with silence. If the model's sample rate is known, recordings of other rates are resampled; otherwise all
    files must have the same rate, and they are not resampled.

    Args:
        listing: Files of the recordings.
        model_input: Input with a front end or a sample rate, or of shape (N, samples) or (N, samples, 1).
    Raises:
        DataError: The model does not take waveforms, or the first file is not a WAV file.
    """
    is_declared = isinstance(model_input.raw, SoundInput)
    sound = model_input.raw if isinstance(model_input.raw, SoundInput) else _undeclared(listing, model_input)
    changes: Counter[str] = Counter()

    def decode(path: Path) -> np.ndarray:
        header = read_wav_header(path)
        if header.sample_rate != sound.sample_rate:
            if not is_declared:
                raise _other_rate(path, header.sample_rate, listing, sound.sample_rate)
            changes["resampled"] += 1
        length = round(header.frames * sound.sample_rate / header.sample_rate)
        if length != sound.samples:
            changes["cut" if length > sound.samples else "filled with silence"] += 1
        return sound.waveform(path)

    def notes() -> tuple[str, ...]:
        done = [f"{count} {what}" for what, count in sorted(changes.items())]
        whole = f"recordings of {sound.sample_rate:,} Hz as {sound.samples:,} samples"
        return (whole + (f": {', '.join(done)}" if done else ""),)

    return replace(listing.source(decode, notes), changes=changes)


def _undeclared(listing: Listing, model_input: ModelInput) -> SoundInput:
    """The sound input of a model of waveforms whose sample rate nobody has stated: that of the first file."""
    sizes = model_input.shape[1:]
    if model_input.dtype != "float32" or not (len(sizes) == 1 or (len(sizes) == 2 and sizes[1] == 1)):
        raise DataError(
            "The model takes no waveforms, and how recordings become its input is not known.",
            expected="an input (N, samples) or (N, samples, 1) of float32, or a front end",
            received=f"{model_input.dtype} {model_input.shape}",
            next_step="state the front end that the model was trained with: --front-end of edgekit convert or pack",
        )
    header = read_wav_header(listing.files[0])
    samples = header.frames if sizes[0] == -1 else None
    return SoundInput(SoundSettings(header.sample_rate, samples), model_input)


def _other_rate(path: Path, rate: int, listing: Listing, expected: int) -> DataError:
    return DataError(
        f"{path} has another sample rate than {listing.files[0].name}.",
        expected=f"{expected:,} Hz",
        received=f"{rate:,} Hz",
        next_step="state the rate that the model was trained on, so that others are resampled: --sample-rate",
    )
