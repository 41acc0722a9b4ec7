"""Makes ``ctc.keras``, whose frames score the letter that is largest in the input, and its vocabulary.

Run with the development environment: ``python tests/data/sequences/make_ctc.py``.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from pathlib import Path

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
LETTERS = "abé"
FRAMES = 8


def main() -> None:
    tokens = len(LETTERS) + 1
    frames = keras.Input((FRAMES, tokens), name="frames")
    model = keras.Model(frames, layers.Dense(tokens, activation="softmax", name="letters")(frames))
    model.get_layer("letters").set_weights([6 * np.eye(tokens), np.zeros(tokens)])
    model.save(HERE / "ctc.keras")
    (HERE / "letters.txt").write_text("\n".join(LETTERS) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
