"""Writes the fixtures of Keras 3: what Keras 3.15 itself cannot read back from its ``.h5``, or stores by reference.

Run with keras==3.15.1 and tensorflow.
"""

import keras
from keras import layers as kl
from keras import ops
from writing import write

PREFIX = "keras3_"


def operations():
    """Operations among the layers; an ``.h5`` doesn't say that ``Add`` is none of the layers."""
    a, b = kl.Input((4, 6)), kl.Input((4, 6))
    x = ops.relu(a * 2.0 - b) + 1.0
    x = ops.concatenate([x, ops.abs(b)], axis=-1)[:, 1:3]
    y = ops.mean(ops.square(x), axis=1, keepdims=True)
    z = ops.reshape(ops.transpose(b, (0, 2, 1)), (-1, 24))
    return keras.Model([a, b], [kl.Dense(2)(x), y, kl.Add()([a, b]), kl.Dense(3)(z)])


def attention():
    inputs = kl.Input((5, 6))
    x = kl.MultiHeadAttention(num_heads=2, key_dim=3)(inputs, inputs)
    x = kl.LayerNormalization()(kl.Add()([x, inputs]))
    y = kl.Attention(use_scale=True)([x, inputs])
    z = kl.AdditiveAttention()([y, x])
    return keras.Model(inputs, [z, kl.GlobalAveragePooling1D()(kl.GroupQueryAttention(3, 4, 2)(x, x))])


def recurrent():
    inputs = kl.Input((6,))
    x = kl.Embedding(15, 4, mask_zero=True)(inputs)
    x = kl.Bidirectional(kl.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid"))(x)
    x, h = kl.GRU(4, return_sequences=True, return_state=True)(x)
    return keras.Model(inputs, [kl.GRU(4)(x, initial_state=h), kl.TimeDistributed(kl.Dense(2))(x)])


def stacked_cells():
    inputs = kl.Input((6, 4))
    x = kl.RNN([kl.LSTMCell(3), kl.GRUCell(2)], return_sequences=True)(inputs)
    return keras.Model(inputs, kl.TimeDistributed(kl.Dense(2))(x))


def nested():
    base_input = kl.Input((8, 8, 3))
    x = kl.Conv2D(4, 3, use_bias=False)(base_input)
    base = keras.Model(base_input, kl.BatchNormalization()(x))
    base.trainable = False
    a, b = kl.Input((8, 8, 3)), kl.Input((8, 8, 3))
    head = keras.Sequential([kl.Flatten(), kl.Dense(3), kl.LeakyReLU(0.3), kl.Dense(2)])
    preprocess = keras.Sequential([kl.Rescaling(1 / 127.5, -1), kl.RandomFlip(), kl.Resizing(8, 8)])
    joined = kl.Concatenate()([base(preprocess(a)), base(preprocess(b))])
    return keras.Model([a, b], head(joined))


def normalized():
    spectral = kl.SpectralNormalization(kl.Dense(4), name="spectral")
    layers = [kl.Input((5,)), kl.Normalization(mean=[1.0] * 5, variance=[4.0] * 5), spectral, kl.UnitNormalization()]
    return keras.Sequential([*layers, kl.Reshape((2, 2)), kl.GroupNormalization(2), kl.PReLU()])


def main():
    for name, make, limit in (
        ("operations", operations, 0),
        ("attention", attention, 0),
        ("recurrent", recurrent, 15),
        ("stacked_cells", stacked_cells, 0),
        ("nested", nested, 0),
        ("normalized", normalized, 0),
    ):
        for suffix in (".h5", ".keras"):
            model = make()
            write(PREFIX + suffix[1:] + "_" + name, model, index_limit=limit, suffix=suffix)


main()
