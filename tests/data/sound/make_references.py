"""Makes ``references.npz``: spectrograms that Keras, TensorFlow and librosa compute, for the tests of the front end.

Run it with all three installed: ``python make_references.py``. Made with Keras 3.15.1, TensorFlow 2.21.0 and
librosa 0.11.0.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import librosa
import numpy as np
import tensorflow as tf

RATE = 16_000
LENGTH = 4000


def recordings() -> dict[str, np.ndarray]:
    """Quarters of a second of 16-bit values: noise, tones, a click, full scale, near silence, silence."""
    random = np.random.default_rng(0)
    time = np.arange(LENGTH) / RATE
    made = {
        "noise": random.normal(0, 0.1, LENGTH),
        "tones": 0.3 * np.sin(2 * np.pi * 440 * time) + 0.01 * np.sin(2 * np.pi * 3333 * time),
        "click": np.where(np.arange(LENGTH) == 2000, 1.0, 0.0),
        "clipped": np.clip(random.normal(0, 3, LENGTH), -1, 1),
        "faint": random.normal(0, 2 / 32768, LENGTH),
        "silence": np.zeros(LENGTH),
    }
    return {name: (np.rint(samples * 32767) / 32768).astype(np.float32) for name, samples in made.items()}


def tensorflow_log_mel(samples: np.ndarray) -> np.ndarray:
    """As TensorFlow's guides compute it."""
    spectrum = tf.abs(tf.signal.stft(samples, 400, 160, 512))
    mel = spectrum @ tf.signal.linear_to_mel_weight_matrix(40, 257, RATE, 80.0, 7600.0)
    return tf.math.log(mel + 1e-6).numpy()


def keras_mel(**options: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The layer ``MelSpectrogram``."""
    layer = keras.layers.MelSpectrogram(sampling_rate=RATE, **options)
    return lambda samples: np.asarray(layer(samples[np.newaxis]))[0]


def keras_stft(samples: np.ndarray) -> np.ndarray:
    """The layer ``STFTSpectrogram``."""
    layer = keras.layers.STFTSpectrogram(
        "magnitude", frame_length=400, frame_step=200, fft_length=512, periodic=True, scaling=None
    )
    return np.asarray(layer(samples[np.newaxis, :, np.newaxis]))[0]


def librosa_mel(**options: Any) -> Callable[[np.ndarray], np.ndarray]:
    """``librosa.feature.melspectrogram`` in decibels."""
    return lambda samples: librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=RATE, **options))


MEL_40 = {"mel_bands": 40, "lower_hz": 80.0, "upper_hz": 7600.0}
DB = {"compression": "db", "floor": 1e-10, "top_db": 80.0, "layout": "bands_time"}
REFERENCES: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]] = {
    "tensorflow": (
        {"frame_length": 400, "hop_length": 160, "power": 1, "compression": "log", "offset": 1e-6, **MEL_40},
        tensorflow_log_mel,
    ),
    "keras": (
        {"frame_length": 400, "hop_length": 160, "padding": "reflect", "mel_bands": 32, "lower_hz": 20.0, **DB},
        keras_mel(fft_length=512, sequence_stride=160, sequence_length=400, num_mel_bins=32),
    ),
    "keras_stft": ({"frame_length": 400, "hop_length": 200, "power": 1}, keras_stft),
    "librosa": (
        {"frame_length": 512, "hop_length": 256, "padding": "constant", "mel_bands": 40, "mel_scale": "slaney",
         "mel_norm": "slaney", **DB},
        librosa_mel(n_fft=512, hop_length=256, n_mels=40),
    ),
    "librosa_htk": (
        {"frame_length": 480, "hop_length": 160, "fft_length": 640, "padding": "constant", "mel_scale": "htk",
         **MEL_40, **DB},
        librosa_mel(n_fft=640, win_length=480, hop_length=160, n_mels=40, htk=True, norm=None, fmin=80, fmax=7600),
    ),
}  # fmt: skip


def main() -> None:
    made = recordings()
    arrays = {f"recording/{name}": samples for name, samples in made.items()}
    for reference, (front_end, compute) in REFERENCES.items():
        arrays[f"front_end/{reference}"] = np.array(json.dumps(front_end))
        for name, samples in made.items():
            arrays[f"values/{reference}/{name}"] = compute(samples).astype(np.float32)
    np.savez_compressed(Path(__file__).parent / "references.npz", **arrays)


if __name__ == "__main__":
    main()
