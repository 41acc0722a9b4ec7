"""Train a translator of number words from English to German and write what edgekit converts:
``python samples/number_translation/train.py gru folder/``."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
from pathlib import Path

import keras
import numpy as np
from models import LENGTH, MODELS, SOURCE_LENGTH
from number_words import ENGLISH, GERMAN, pairs, split_numbers, write_pairs

from edgekit_runtime.text import make_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=1000, help="numbers are below this")
    parser.add_argument("--trained", type=int, default=800, help="number of numbers to train on")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(options.seed)
    trained, unseen = split_numbers(options.limit, options.trained, options.seed)
    for name, words in (("english", ENGLISH), ("german", GERMAN)):
        (options.folder / f"{name}.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    write_pairs(options.folder / "pairs.csv", trained)
    write_pairs(options.folder / "unseen.csv", unseen)

    english, german = (
        make_tokenizer("wordpiece", (options.folder / f"{name}.txt").read_bytes()) for name in ("english", "german")
    )
    known = pairs(trained)
    sources = _padded([english.encode(source) for source, _ in known], SOURCE_LENGTH)
    sequences = _padded([german.encode(sequence) for _, sequence in known], LENGTH + 1)
    model, encoder, decoder = MODELS[options.model](len(ENGLISH), len(GERMAN))
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, options.epochs * -(-len(known) // 32))
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    # Each token predicts the next one; padding does not count.
    inputs, expected = sequences[:, :-1], sequences[:, 1:]
    model.fit(
        [sources, inputs], expected, sample_weight=(expected != 0).astype("float32"), batch_size=32,
        epochs=options.epochs, verbose=2,
    )  # fmt: skip
    encoder.save(options.folder / "encoder.keras")
    decoder.save(options.folder / "decoder.keras")


def _padded(rows: list[list[int]], length: int) -> np.ndarray:
    padded = np.zeros((len(rows), length), np.int32)
    for row, tokens in zip(padded, rows, strict=True):
        row[: len(tokens)] = tokens
    return padded


if __name__ == "__main__":
    main()
