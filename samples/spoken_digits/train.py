"""Train a classifier of spoken digits on synthetic voices, and test it on a human: ``python train.py [FOLDER]``.

Needs ``pip install edgekit`` and ``apt install espeak-ng asterisk-core-sounds-en-wav``. Writes digits.keras,
digits.tflite and digits-int8.tflite to FOLDER. The human is one speaker, who is in no training example.
"""

import json
import subprocess
import sys
import wave
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

import edgekit
import edgekit_runtime
from edgekit_runtime.sound.sound_input import SoundInput, SoundSettings

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HUMAN = Path("/usr/share/asterisk/sounds/en/digits")
LANGUAGES = ("en-us", "en-gb", "en-gb-scotland")
VARIANTS = ("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "Annie", "steph", "max")
HELD_BACK = ("f3", "m4")
COPIES = 4
FRONT_END = {
    "sample_rate": 8000, "samples": 8000, "frame_length": 256, "hop_length": 128, "mel_bands": 32,
    "lower_hz": 200.0, "upper_hz": 3600.0, "compression": "log", "offset": 1e-3, "mean": [-3.0], "std": [3.0],
}  # fmt: skip
sound = SoundInput(SoundSettings.from_dict(FRONT_END))
random = np.random.default_rng(0)


def spoken(job):
    """One word by one synthetic voice, float32 (8000,)."""
    language, variant, word = job
    speed, pitch = 80 + 12 * (hash_of(job) % 5), 30 + 10 * (hash_of(job) % 6)
    command = ["espeak-ng", "-v", f"{language}+{variant}", "-s", str(speed), "-p", str(pitch), "--stdout", word]
    return sound.waveform(subprocess.run(command, check=True, capture_output=True).stdout)


def hash_of(job):
    """A number that does not change from run to run, unlike hash()."""
    return sum(map(ord, "".join(job)))


def varied(samples):
    """The same word faster or slower, earlier or later, louder or softer, duller or sharper, with noise."""
    places = np.arange(len(samples)) * random.uniform(0.8, 1.25) - random.integers(-400, 1800)
    moved = np.interp(places, np.arange(len(samples)), samples, left=0, right=0)
    tilted = moved + random.uniform(-0.5, 0.9) * np.roll(moved, 1)
    loud = random.uniform(0.2, 0.9) * tilted / max(np.abs(tilted).max(), 0.01)
    return (loud + random.normal(0, 10 ** random.uniform(-4, -1.8), len(samples))).astype(np.float32)


def write_wavs(folder, waveforms, classes):
    """A folder of WAV files with one sub-folder per word."""
    for number, (samples, index) in enumerate(zip(waveforms, classes, strict=True)):
        path = folder / WORDS[index] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, sound.sample_rate, 0, "NONE", ""))
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def trained(waveforms, classes):
    """A small CNN on log-mel spectrograms."""
    import keras

    keras.utils.set_random_seed(0)
    x = sound.prepare(waveforms)
    layers = [keras.Input(x.shape[1:], name="mel")]
    for filters, strides in ((48, 1), (64, 2), (64, 2)):
        layers += [keras.layers.Conv1D(filters, 5, strides, padding="same", use_bias=False)]
        layers += [keras.layers.BatchNormalization(), keras.layers.ReLU(), keras.layers.Dropout(0.15)]
    layers += [keras.layers.GlobalAveragePooling1D(), keras.layers.Dropout(0.3)]
    model = keras.Sequential([*layers, keras.layers.Dense(len(WORDS), activation="softmax")])
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    model.fit(x, classes, epochs=18, batch_size=64, verbose=0)
    return model


def main():
    """Make voices, train, convert, and compare with a human."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "spoken_digits")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = list(product(LANGUAGES, VARIANTS, WORDS))
    with ThreadPoolExecutor() as threads:
        voices = list(threads.map(spoken, jobs))
    classes = np.array([WORDS.index(word) for _, _, word in jobs])
    is_new = np.array([variant in HELD_BACK for _, variant, _ in jobs])
    learned = [varied(voice) for voice, new in zip(voices, is_new, strict=True) if not new for _ in range(COPIES)]
    model = trained(learned, np.repeat(classes[~is_new], COPIES))
    model.save(folder / "digits.keras")
    unheard = [varied(voice) for voice, new in zip(voices, is_new, strict=True) if new]
    write_wavs(folder / "recordings", unheard, classes[is_new])
    (folder / "front_end.json").write_text(json.dumps(FRONT_END))

    human = [sound.waveform(HUMAN / f"{number}.wav") for number in range(10)]
    noisy = [samples + random.normal(0, 0.01, 8000).astype(np.float32) for samples in human for _ in range(5)]
    sets = ((unheard, classes[is_new]), (human, np.arange(10)), (noisy, np.repeat(np.arange(10), 5)))

    def accuracies(predict):
        return [np.mean(np.asarray(predict(waveforms)) == right) for waveforms, right in sets]

    rows = {"Keras": accuracies(lambda w: model.predict(sound.prepare(w), verbose=0).argmax(1))}
    for name, mode in (("digits.tflite", "none"), ("digits-int8.tflite", "int8")):
        options = {"quantize": mode, "data": folder / "recordings", "front_end": folder / "front_end.json"}
        edgekit.convert(folder / "digits.keras", folder / name, labels=list(WORDS), **options)
        device = edgekit_runtime.load(folder / name, verify=True)
        rows[name] = accuracies(lambda w, d=device: [each.index for each in d.classify(w, sample_rate=8000)])
    for name, (synthetic, clean, noise) in rows.items():
        print(f"{name}: new synthetic voices {synthetic:.0%}, human {clean:.0%}, human with noise {noise:.0%}")
    synthetic, clean, _ = rows["digits-int8.tflite"]
    print(f"gap: {100 * (synthetic - clean):.0f} points between synthetic voices and 10 words of one human speaker")


if __name__ == "__main__":
    main()
