"""Makes an encoder and a decoder whose weights are set by hand, and ``word_translator.tflite`` of them.

They translate word by word: the decoder's state is a mark on the word of the source that comes next.
Run with the development environment: ``python tests/data/sequences/make_word_translator.py``.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import itertools
from pathlib import Path

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
LENGTH = 5
SOURCE = ["", "[UNK]", "one", "two", "three", "four", "five"]
WORDS = ["", "[UNK]", "[start]", "[end]", "eins", "zwei", "drei", "vier", "fünf"]
END = WORDS.index("[end]")


def encoder() -> keras.Model:
    source = keras.Input((LENGTH,), dtype="int32", name="source")
    memory = layers.Embedding(len(SOURCE), len(WORDS), name="words")(source)
    place = layers.Dense(LENGTH, name="first_place")(layers.Flatten()(memory))
    model = keras.Model(source, {"memory": memory, "place": place})
    # Padding is translated to the end token, and each word to the one of the same meaning.
    translations = [END, 1, *range(END + 1, len(WORDS))]
    model.get_layer("words").set_weights([np.eye(len(WORDS))[translations]])
    model.get_layer("first_place").set_weights([np.zeros((LENGTH * len(WORDS), LENGTH)), np.eye(LENGTH)[0]])
    return model


def decoder() -> keras.Model:
    tokens = keras.Input((1,), dtype="int32", name="tokens")
    memory = keras.Input((LENGTH, len(WORDS)), name="memory")
    place = keras.Input((LENGTH,), name="place")
    # The last token does not matter, but without it the converter would drop the input.
    last = layers.Flatten()(layers.Embedding(len(WORDS), len(WORDS), name="last")(tokens))
    word = layers.Add()([layers.Dot(1)([place, memory]), last])
    scores = layers.Dense(len(WORDS), activation="softmax", name="probabilities")(word)
    moved = layers.Dense(LENGTH, use_bias=False, name="moved")(place)
    model = keras.Model([tokens, memory, place], {"scores": scores, "next_place": moved})
    model.get_layer("last").set_weights([np.zeros((len(WORDS), len(WORDS)))])
    # Behind the last place, only the bias is left.
    model.get_layer("probabilities").set_weights([8 * np.eye(len(WORDS)), 3 * np.eye(len(WORDS))[END]])
    model.get_layer("moved").set_weights([np.eye(LENGTH, k=1)])
    return model


def make_unequal(first: keras.Model, second: keras.Model) -> None:
    """Pass one word on a thousand times larger than the others, which int8 cannot tell from nothing then."""
    factors = np.where(np.array(WORDS) == "eins", 1000, 1)
    (words,) = first.get_layer("words").get_weights()
    first.get_layer("words").set_weights([words * factors])
    kernel, bias = second.get_layer("probabilities").get_weights()
    second.get_layer("probabilities").set_weights([kernel / factors[:, np.newaxis], bias])


def write_pairs(path: Path) -> None:
    lines = ["source,tokens"]
    for count in (1, 2, 3):
        for numbers in itertools.product(range(5), repeat=count):
            english, german = (" ".join(words[each] for each in numbers) for words in (SOURCE[2:], WORDS[END + 1 :]))
            lines.append(f"{english},{german}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    import edgekit

    (HERE / "english.txt").write_text("\n".join(SOURCE) + "\n", encoding="utf-8")
    (HERE / "german.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    encoder().save(HERE / "encoder.keras")
    decoder().save(HERE / "decoder.keras")
    first, second = encoder(), decoder()
    make_unequal(first, second)
    first.save(HERE / "encoder_unequal.keras")
    second.save(HERE / "decoder_unequal.keras")
    write_pairs(HERE / "pairs.csv")
    edgekit.convert_pair(
        HERE / "encoder.keras",
        HERE / "decoder.keras",
        HERE / "word_translator.tflite",
        quantize="int8",
        data=HERE / "pairs.csv",
        vocabulary=HERE / "english.txt",
        sequence_vocabulary=HERE / "german.txt",
    )


if __name__ == "__main__":
    main()
