"""Time the device's text input against Keras's ``TextVectorization``: one text as on a device, and a batch of 1,000."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

import numpy as np
from ratios import report, time_in_turn

from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.text import TextInput
from edgekit_runtime.text.lookup import LookupTokenizer

TEXTS = Path(__file__).resolve().parent.parent / "tests" / "data" / "text"
LENGTH = 32


def main() -> None:
    """Print the ratios."""
    import keras
    import tensorflow as tf

    sys.path.insert(0, str(TEXTS))
    import multiscript

    vocabulary, texts = multiscript.vocabulary("words"), list(multiscript.texts(1000))
    layer = keras.layers.TextVectorization(vocabulary=vocabulary, output_sequence_length=LENGTH)
    graph = tf.function(layer, input_signature=[tf.TensorSpec([None], tf.string)])
    info = TensorInfo("text", (-1, LENGTH), np.dtype(np.int32), None, 0)
    ours = TextInput(LookupTokenizer(["", "[UNK]", *vocabulary], unknown=1), info, part="vocabulary.txt")
    assert np.array_equal(ours.prepare(texts), graph(tf.constant(texts)).numpy())

    def ours_one_by_one() -> None:
        for text in texts:
            ours.prepare(text)

    def keras_one_by_one() -> None:
        for text in texts:
            graph(tf.constant([text])).numpy()

    report(
        [
            time_in_turn("a text to tokens / Keras's TextVectorization", ours_one_by_one, keras_one_by_one, target=1.0,
                         runs=5),
            time_in_turn(
                "1,000 texts to tokens / Keras's TextVectorization, one batch",
                lambda: (ours.prepare(texts), None)[1],
                lambda: (graph(tf.constant(texts)).numpy(), None)[1],
                target=None,
                runs=21,
            ),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
