"""Writes the fixtures of tf.keras: small models with random weights, and their answers.

Run with tensorflow 1.15.5 (Python 3.7), 2.4.4 (3.8), 2.11.1 (3.9) and 2.15.1 (3.11); 2.15 writes ``.keras`` files too.
"""

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers as kl
from writing import write

VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
PREFIX = "tf%d%d_" % VERSION
K = keras.backend


def convolutions():
    return keras.Sequential(
        [
            kl.Conv2D(4, 3, activation="relu", input_shape=(12, 12, 3), groups=1)
            if VERSION > (2, 2)
            else kl.Conv2D(4, 3, activation="relu", input_shape=(12, 12, 3)),
            kl.BatchNormalization(),
            kl.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
            kl.ReLU(6.0),
            kl.SeparableConv2D(3, 3, activation=tf.nn.relu6),
            kl.LeakyReLU(alpha=0.1),
            kl.Conv2DTranspose(2, 3, strides=2, activation=kl.LeakyReLU(alpha=0.2)),
            kl.UpSampling2D(2, interpolation="bilinear"),
            kl.GlobalAveragePooling2D(),
            kl.Dense(3, activation=tf.nn.softmax),
        ]
    )


def recurrent():
    x = inputs = kl.Input((6,))
    x = kl.Embedding(15, 4, mask_zero=True)(x)
    x = kl.Bidirectional(kl.LSTM(3, return_sequences=True))(x)
    x = kl.GRU(4, return_sequences=True)(x)
    x, h, c = kl.LSTM(4, return_sequences=True, return_state=True, recurrent_activation="hard_sigmoid")(x)
    y = kl.LSTM(4)(x, initial_state=[h, c])
    z = kl.RNN(kl.SimpleRNNCell(3), return_sequences=True)(x)
    z = kl.TimeDistributed(kl.Dense(2))(z)
    return keras.Model(inputs, [y, z])


def nested():
    """Transfer learning: a functional base, frozen in part, in a Sequential with preprocessing."""
    base_input = kl.Input((8, 8, 3))
    x = kl.Conv2D(4, 3, use_bias=False)(base_input)
    x = kl.BatchNormalization()(x)
    x = kl.Activation("swish" if VERSION > (2, 0) else "relu")(x)
    base = keras.Model(base_input, x, name="base")
    base.layers[1].trainable = False
    layers = [kl.Input((8, 8, 3)), base, kl.Flatten(), keras.Sequential([kl.Dense(4), kl.Dense(2)])]
    if VERSION >= (2, 11):
        layers[1:1] = [kl.Rescaling(1 / 127.5, offset=-1), kl.RandomFlip(), kl.RandomRotation(0.1)]
    elif VERSION >= (2, 4):
        preprocessing = kl.experimental.preprocessing
        layers[1:1] = [preprocessing.Rescaling(1 / 255.0), preprocessing.RandomZoom(0.1), preprocessing.Resizing(8, 8)]
    return keras.Sequential(layers)


def tensorflow_calls():
    """Raw TensorFlow functions on Keras tensors."""
    a, b = kl.Input((4, 6)), kl.Input((4, 6))
    x = tf.nn.relu(a * 2.0 - b) / 3.0 + 1.0
    x = tf.concat([x, tf.abs(b)], axis=-1)
    x = x[:, 1:3, ::2]
    x = tf.expand_dims(tf.reduce_mean(x, axis=1), 1)
    y = tf.matmul(a, b, transpose_b=True)
    z = tf.math.l2_normalize(tf.transpose(b, [0, 2, 1]), axis=-1) if VERSION > (2, 0) else tf.transpose(b, [0, 2, 1])
    w = 1.0 - tf.sqrt(tf.square(a) + 1e-3)
    v = tf.clip_by_value(tf.reshape(a, [-1, 24]), -1.0, 1.0) if VERSION > (2, 0) else tf.reshape(a, [-1, 24])
    return keras.Model([a, b], [x, y, z, w, kl.Dense(2)(v)])


def images():
    inputs = kl.Input((6, 6, 3))
    x = keras.applications.mobilenet_v2.preprocess_input(inputs)
    x = kl.Conv2D(2, 3, padding="same")(x)
    x = tf.image.resize(x, (12, 12))
    return keras.Model(inputs, kl.AveragePooling2D(2)(x))


def attention():
    inputs = kl.Input((5, 6))
    x = kl.MultiHeadAttention(num_heads=2, key_dim=3)(inputs, inputs)
    x = kl.LayerNormalization(epsilon=1e-6)(x + inputs)
    y = kl.Attention(use_scale=True)([x, inputs])
    z = kl.Dot(axes=-1)([kl.GlobalAveragePooling1D()(y), kl.GlobalMaxPooling1D()(x)])
    w = kl.LayerNormalization(axis=[1, 2] if VERSION < (2, 11) else [2])(x)
    return keras.Model(inputs, [kl.Dense(3, activation="gelu")(x), z, w])


def normalized():
    layer = kl.Normalization(axis=-1) if VERSION >= (2, 11) else kl.experimental.preprocessing.Normalization(axis=-1)
    model = keras.Sequential([kl.Input((4,)), layer, kl.Dense(3, activation="elu")])
    model.layers[0].build((None, 4))
    return model


def lambdas():
    a, b = kl.Input((4, 3)), kl.Input((4, 3))
    x = kl.Lambda(lambda t: K.abs(t[0] - t[1]))([a, b])
    y = kl.Lambda(lambda t: t[:, -1, :] * 2 + 1)(a)
    z = kl.Lambda(lambda t: K.l2_normalize(t, axis=-1))(b)
    w = kl.Lambda(lambda t: tf.nn.relu(t))(b)
    return keras.Model([a, b], [x, y, z, w])


def mixed():
    keras.mixed_precision.set_global_policy("mixed_float16")
    model = keras.Sequential([kl.Input((5,)), kl.Dense(4, activation="relu"), kl.Dense(2, dtype="float32")])
    keras.mixed_precision.set_global_policy("float32")
    return model


def main():
    write(PREFIX + "convolutions", convolutions())
    write(PREFIX + "recurrent", recurrent(), index_limit=15)
    write(PREFIX + "nested", nested())
    write(PREFIX + "lambdas", lambdas())
    write(PREFIX + "tensorflow_calls", tensorflow_calls())
    if VERSION < (2, 4):
        return
    write(PREFIX + "images", images())
    write(PREFIX + "attention", attention())
    write(PREFIX + "normalized", normalized())
    if VERSION < (2, 15):
        return
    write(PREFIX + "mixed", mixed())
    for name, model, limit in (
        ("convolutions", convolutions(), 0),
        ("recurrent", recurrent(), 15),
        ("nested", nested(), 0),
        ("attention", attention(), 0),
        ("tensorflow_calls", tensorflow_calls(), 0),
        ("normalized", normalized(), 0),
    ):
        write(PREFIX + "zip_" + name, model, index_limit=limit, suffix=".keras")


main()
