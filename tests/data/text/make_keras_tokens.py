"""What Keras makes of the texts in ten scripts: ``keras_tokens.json``. Run it where TensorFlow is installed.

python tests/data/text/make_keras_tokens.py > tests/data/text/keras_tokens.json
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import multiscript

COUNT = 10_000
CHUNK = 250
CASES: dict[str, dict[str, Any]] = {
    "words": {},
    "lower": {"standardize": "lower"},
    "stripped": {"standardize": "strip_punctuation"},
    "as_they_are": {"standardize": None},
    "characters": {"split": "character"},
    "characters_as_they_are": {"split": "character", "standardize": None},
    "ngrams": {"ngrams": 2},
    "pairs_and_words": {"ngrams": (2, 1), "standardize": "lower"},
    "whole": {"split": None, "standardize": None},
}
#: Options of vectors of fixed size, in which one row stands for one text.
VECTORS: dict[str, dict[str, Any]] = {
    "padded": {"output_sequence_length": 6},
    "multi_hot": {"output_mode": "multi_hot"},
    "count": {"output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 500},
    "tf_idf": {"output_mode": "tf_idf"},
}


def vocabulary_of(name: str) -> list[str]:
    """Tokens of a case, without the special ones."""
    if name == "whole" or name.startswith("characters"):
        return multiscript.vocabulary(name.partition("_")[0])
    return multiscript.vocabulary("ngrams" if "ngrams" in CASES.get(name, {}) else "words")


def checksum(rows: list[Any], dtype: str) -> str:
    """Checksum of rows of numbers, with their lengths."""
    return f"{zlib.crc32(b''.join(np.asarray([len(row), *row], dtype).tobytes() for row in rows)):08x}"


def checksums(rows: list[Any], dtype: str = "<i4") -> list[str]:
    """A checksum for each chunk of the texts, so that a test names the place of a difference."""
    return [checksum(rows[start : start + CHUNK], dtype) for start in range(0, len(rows), CHUNK)]


def main() -> None:
    """Print the checksums of each case."""
    import keras
    import tensorflow as tf

    texts = list(multiscript.texts(COUNT))
    found: dict[str, list[str]] = {}
    for name, options in CASES.items():
        layer = keras.layers.TextVectorization(vocabulary=vocabulary_of(name), ragged=True, **options)
        given = tf.constant([[text] for text in texts]) if options.get("split", "") is None else tf.constant(texts)
        result = layer(given)
        rows = result.numpy() if isinstance(result, tf.Tensor) else result.to_list()
        found[name] = checksums(list(rows))
    for name, options in VECTORS.items():
        vocabulary = vocabulary_of(name)
        weights = {"idf_weights": idf_weights(len(vocabulary))} if name == "tf_idf" else {}
        rows = keras.layers.TextVectorization(vocabulary=vocabulary, **weights, **options)(tf.constant(texts)).numpy()
        found[name] = checksums(list(rows), "<f4" if name == "tf_idf" else "<i4")
    json.dump(found, sys.stdout, indent=1)


def idf_weights(count: int) -> list[float]:
    """Weights that float32 holds exactly."""
    return [1 + number / 64 for number in range(count)]


if __name__ == "__main__":
    main()
