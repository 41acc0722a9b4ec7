"""Front ends with a name, one record per preset; help texts and the guide's table are made from them.

This module imports nothing heavy, because help texts are shown without NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class FrontEndPreset:
    """A front end with a name.

    Attributes:
        help: Description, for the guide's table.
        fields: Fields of ``SoundSettings`` and of a front end.
    """

    help: str
    fields: Mapping[str, Any]


PRESETS: Mapping[str, FrontEndPreset] = MappingProxyType(
    {
        "log-mel": FrontEndPreset(
            "40 log-mel bands of speech: 16 kHz, frames of 25 ms every 10 ms, `log(mel + 1e-6)`",
            {
                "sample_rate": 16_000,
                "frame_length": 400,
                "hop_length": 160,
                "mel_bands": 40,
                "lower_hz": 20.0,
                "upper_hz": 7600.0,
                "compression": "log",
                "offset": 1e-6,
            },
        ),
        "stft": FrontEndPreset(
            "the spectrogram of TensorFlow's audio tutorial: 16 kHz, `abs(tf.signal.stft(x, 255, 128))`",
            {"sample_rate": 16_000, "frame_length": 255, "hop_length": 128, "power": 1},
        ),
        "keras-mel": FrontEndPreset(
            "`keras.layers.MelSpectrogram()` with its defaults: 16 kHz, 128 bands in decibels, bands first",
            {
                "sample_rate": 16_000,
                "frame_length": 2048,
                "hop_length": 512,
                "padding": "reflect",
                "mel_bands": 128,
                "lower_hz": 20.0,
                "compression": "db",
                "floor": 1e-10,
                "top_db": 80.0,
                "layout": "bands_time",
            },
        ),
        "librosa-mel": FrontEndPreset(
            "`power_to_db(librosa.feature.melspectrogram(y=x))` with its defaults: 22.05 kHz, 128 bands, bands first",
            {
                "sample_rate": 22_050,
                "frame_length": 2048,
                "hop_length": 512,
                "padding": "constant",
                "mel_bands": 128,
                "mel_scale": "slaney",
                "mel_norm": "slaney",
                "compression": "db",
                "floor": 1e-10,
                "top_db": 80.0,
                "layout": "bands_time",
            },
        ),
    }
)
