"""Makes ``tones.keras``, a classifier of log-mel spectrograms, and ``tones.tflite``, which edgekit made of it.

Run it with the repository installed: ``python make_tones.py``. The model tells high from low tones and from silence.
"""

from __future__ import annotations

import json
import tempfile
import wave
from pathlib import Path

import keras
import numpy as np

import edgekit
from edgekit_runtime.sound.sound_input import SoundInput, SoundSettings

HERE = Path(__file__).parent
RATE, LENGTH = 16_000, 4000
LABELS = ("high", "low", "silence")
FRONT_END = {
    "sample_rate": RATE,
    "samples": LENGTH,
    "frame_length": 400,
    "hop_length": 160,
    "mel_bands": 20,
    "lower_hz": 50.0,
    "compression": "log",
    "offset": 1e-4,
    "mean": [-4.0],
    "std": [4.0],
}
SHAPE = (23, 20)


def tones(label: str, count: int, random: np.random.Generator) -> np.ndarray:
    """Quarters of a second: float32 (count, 4000)."""
    low, high = {"low": (200, 500), "high": (1500, 4000), "silence": (100, 200)}[label]
    loudness = 0 if label == "silence" else random.uniform(0.1, 0.8, (count, 1))
    phase = 2 * np.pi * random.uniform(low, high, (count, 1)) * np.arange(LENGTH) / RATE
    waves = loudness * np.sin(phase + random.uniform(0, 6, (count, 1))) + random.uniform(
        0, 0.003, (count, 1)
    ) * random.normal(0, 1, (count, LENGTH))
    return waves.astype(np.float32)


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write a 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())


def main() -> None:
    random = np.random.default_rng(0)
    sound = SoundInput(SoundSettings.from_dict(FRONT_END))
    x = sound.prepare(np.concatenate([tones(label, 100, random) for label in LABELS]))
    y = np.repeat(range(len(LABELS)), 100)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(SHAPE, name="mel"),
            keras.layers.Conv1D(8, 3, activation="relu"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(len(LABELS), activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=40, verbose=0)
    print("accuracy", model.evaluate(x, y, verbose=0)[1])
    model.save(HERE / "tones.keras")
    (HERE / "tones.json").write_text(json.dumps(FRONT_END, indent=1) + "\n")
    with tempfile.TemporaryDirectory() as name:
        for label in LABELS:
            (Path(name) / label).mkdir()
            for number, samples in enumerate(tones(label, 20, random)):
                write_wav(Path(name) / label / f"{number}.wav", samples)
        conversion = edgekit.convert(
            HERE / "tones.keras", HERE / "tones.tflite", quantize="int8", data=name, front_end=HERE / "tones.json"
        )
        print(conversion.warnings)


if __name__ == "__main__":
    main()
