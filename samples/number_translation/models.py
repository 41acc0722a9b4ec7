"""Two small translation models in Keras: GRU with attention, and a Transformer of two layers.

Each function returns the model to train, and the encoder and decoder that share its layers. The names of inputs and
outputs connect encoder and decoder: ``memory`` goes to every step, ``next_state`` to the ``state`` of the next step.
"""

from __future__ import annotations

import keras
from keras import layers, ops

#: Numbers of tokens: English words with [CLS] and [SEP], German pieces with [CLS].
SOURCE_LENGTH, LENGTH = 12, 9
UNITS = 64


def gru(source_words: int, words: int) -> tuple[keras.Model, keras.Model, keras.Model]:
    source = keras.Input((SOURCE_LENGTH,), dtype="int32", name="source")
    embedded = layers.Embedding(source_words, UNITS)(source)
    memory, state = layers.GRU(UNITS, return_sequences=True, return_state=True)(embedded)

    embed = layers.Embedding(words, UNITS)
    cell = layers.GRUCell(UNITS)
    recurrent = layers.RNN(cell, return_sequences=True)
    attend = layers.Attention()
    hidden, score = layers.Dense(UNITS, activation="tanh"), layers.Dense(words, activation="softmax")

    tokens = keras.Input((LENGTH,), dtype="int32", name="tokens")
    states = recurrent(embed(tokens), initial_state=state)
    scores = score(hidden(layers.Concatenate()([attend([states, memory]), states])))
    trained = keras.Model([source, tokens], scores)

    encoder = keras.Model(source, {"memory": memory, "state": state})

    token = keras.Input((1,), dtype="int32", name="tokens")
    seen = keras.Input((SOURCE_LENGTH, UNITS), name="memory")
    before = keras.Input((UNITS,), name="state")
    after, _ = cell(layers.Reshape((UNITS,))(embed(token)), [before])
    context = layers.Reshape((UNITS,))(attend([layers.Reshape((1, UNITS))(after), seen]))
    step = score(hidden(layers.Concatenate()([context, after])))
    decoder = keras.Model([token, seen, before], {"scores": step, "next_state": after})
    return trained, encoder, decoder


def transformer(source_words: int, words: int) -> tuple[keras.Model, keras.Model, keras.Model]:
    source = keras.Input((SOURCE_LENGTH,), dtype="int32", name="source")
    x = _embedded(source, source_words, SOURCE_LENGTH)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, UNITS // 4)(x, x))
        x = layers.LayerNormalization()(x + _feed_forward(x))
    encoder = keras.Model(source, {"memory": x})

    tokens = keras.Input((LENGTH,), dtype="int32", name="tokens")
    memory = keras.Input((SOURCE_LENGTH, UNITS), name="memory")
    y = _embedded(tokens, words, LENGTH)
    for _ in range(2):
        y = layers.LayerNormalization()(y + layers.MultiHeadAttention(4, UNITS // 4)(y, y, use_causal_mask=True))
        y = layers.LayerNormalization()(y + layers.MultiHeadAttention(4, UNITS // 4)(y, memory))
        y = layers.LayerNormalization()(y + _feed_forward(y))
    # The decoder has no state: it gets all tokens so far, and scores the token after each of them.
    decoder = keras.Model([tokens, memory], {"scores": layers.Dense(words, activation="softmax")(y)})

    trained = keras.Model([source, tokens], decoder([tokens, encoder(source)["memory"]])["scores"])
    return trained, encoder, decoder


def _embedded(tokens: keras.KerasTensor, words: int, length: int) -> keras.KerasTensor:
    """Each token's vector, plus a learned vector for its place."""
    places = ops.cumsum(ops.ones_like(tokens), axis=1) - 1
    return layers.Embedding(words, UNITS)(tokens) + layers.Embedding(length, UNITS)(places)


def _feed_forward(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dense(UNITS)(layers.Dense(2 * UNITS, activation="relu")(x))


MODELS = {"gru": gru, "transformer": transformer}
