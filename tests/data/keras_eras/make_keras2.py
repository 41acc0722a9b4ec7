"""Writes the fixtures of Keras 2.0.9 and 2.3.1: small models with random weights, and their answers.

Needs keras==2.0.9 with tensorflow==1.4.0 or theano==1.0.5 on Python 3.6, and keras==2.3.1 with tensorflow==1.15.5
on Python 3.7:

    KERAS_BACKEND=tensorflow python make_keras2.py
    KERAS_BACKEND=theano THEANO_FLAGS=cxx=,optimizer=None python make_keras2.py
"""

import keras
from keras import backend as K
from keras import layers as kl
from keras.models import Model, Sequential
from writing import write

if K.backend() == "theano":
    import theano.ifelse  # noqa: F401  Keras uses it without importing it.

PREFIX = "keras" + keras.__version__.replace(".", "") + "_" + K.backend() + "_"
NEWER = keras.__version__ >= "2.3"


def convolutions(order):
    shape = (12, 12, 3) if order == "channels_last" else (3, 12, 12)
    axis = -1 if order == "channels_last" else 1
    return Sequential(
        [
            kl.Conv2D(4, (3, 2), activation="relu", data_format=order, input_shape=shape, kernel_regularizer="l2"),
            kl.BatchNormalization(axis=axis),
            kl.MaxPooling2D((2, 2), data_format=order),
            kl.ZeroPadding2D(((0, 1), (1, 0)), data_format=order),
            kl.Conv2D(5, 3, padding="same", use_bias=False, data_format=order, kernel_initializer="he_normal"),
            kl.PReLU(shared_axes=[1, 2] if axis == -1 else [2, 3]),
            kl.SpatialDropout2D(0.2, data_format=order),
            kl.Conv2D(3, 3, dilation_rate=2, padding="same", data_format=order),
            kl.LeakyReLU(0.1),
            kl.UpSampling2D(2, data_format=order),
            kl.Cropping2D(1, data_format=order),
            kl.AveragePooling2D(2, data_format=order),
            kl.Flatten(),
            kl.Dense(4, kernel_constraint="max_norm"),
        ]
    )


def separable():
    layers = [
        kl.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, input_shape=(8, 8, 3)),
        kl.Conv2DTranspose(3, 3, strides=2, padding="same"),
        kl.GlobalMaxPooling2D(),
    ]
    if NEWER:
        layers.insert(1, kl.DepthwiseConv2D(3, padding="same", depth_multiplier=1))
        layers.insert(2, kl.ReLU(max_value=6.0))
    return Sequential(layers)


def text():
    return Sequential(
        [
            kl.Embedding(20, 6, input_length=10),
            kl.Conv1D(5, 3, activation="tanh", padding="causal"),
            kl.MaxPooling1D(2),
            kl.LocallyConnected1D(4, 2),
            kl.GlobalAveragePooling1D(),
            kl.Dense(2, activation="hard_sigmoid"),
        ]
    )


def recurrent():
    return Sequential(
        [
            kl.Embedding(20, 4, input_length=7, mask_zero=True),
            kl.LSTM(5, return_sequences=True, recurrent_dropout=0.1),
            kl.Bidirectional(kl.GRU(3, return_sequences=True), merge_mode="concat"),
            kl.TimeDistributed(kl.Dense(3, activation="selu")),
            kl.SimpleRNN(3),
        ]
    )


def stateful():
    return Sequential(
        [
            kl.LSTM(4, stateful=True, return_sequences=True, batch_input_shape=(2, 3, 4)),
            kl.RNN([kl.LSTMCell(3), kl.GRUCell(2)]),
        ]
    )


def sequence_to_sequence():
    source, target = kl.Input((5,)), kl.Input((4,))
    embedding = kl.Embedding(12, 3, mask_zero=True)
    _, h, c = kl.LSTM(4, return_state=True)(embedding(source))
    decoded = kl.LSTM(4, return_sequences=True)(embedding(target), initial_state=[h, c])
    return Model([source, target], kl.TimeDistributed(kl.Dense(5, activation="softmax"))(decoded))


def siamese():
    """A nested model called twice, a frozen layer in it, and a nested Sequential."""
    base_input = kl.Input((6, 6, 2))
    frozen = kl.BatchNormalization()
    frozen.trainable = False
    x = kl.Conv2D(3, 3)(base_input)
    x = kl.BatchNormalization()(frozen(x))
    base = Model(base_input, kl.Flatten()(x))
    head = Sequential([kl.Dense(4, activation="relu", input_shape=(48,)), kl.Dense(2)])
    a, b = kl.Input((6, 6, 2)), kl.Input((6, 6, 2))
    fa, fb = base(a), base(b)
    joined = kl.concatenate([fa, fb])
    difference = kl.Lambda(lambda x: K.abs(x[0] - x[1]))([fa, fb])
    return Model([a, b], [head(kl.add([fa, fb])), kl.Dense(1)(difference), kl.Dense(2)(joined)])


def merging():
    a, b = kl.Input((4, 3)), kl.Input((4, 3))
    dense = kl.Dense(3)
    x, y = dense(a), dense(b)
    outputs = [kl.multiply([x, y]), kl.average([x, y]), kl.maximum([x, y]), kl.dot([x, y], axes=2, normalize=True)]
    if NEWER:
        outputs.append(kl.subtract([x, y]))
    return Model([a, b], outputs)


def distributed():
    """A convolutional model along time."""
    inner = Sequential([kl.Conv2D(2, 3, input_shape=(6, 6, 1)), kl.BatchNormalization(), kl.Flatten()])
    return Sequential([kl.TimeDistributed(inner, input_shape=(3, 6, 6, 1)), kl.LSTM(3, unroll=True)])


def volumes():
    return Sequential(
        [
            kl.Conv3D(2, 2, input_shape=(4, 4, 4, 2)),
            kl.MaxPooling3D((1, 3, 1)),
            kl.Flatten(),
            kl.Dense(3),
            kl.ThresholdedReLU(0.2),
            kl.ELU(0.5),
            kl.Activation("softmax"),
        ]
    )


def film():
    return Sequential([kl.ConvLSTM2D(2, 3, padding="same", input_shape=(3, 5, 5, 2)), kl.LocallyConnected2D(2, 3)])


def main():
    write(PREFIX + "convolutions_last", convolutions("channels_last"))
    write(PREFIX + "convolutions_first", convolutions("channels_first")) if K.backend() == "theano" else None
    write(PREFIX + "text", text(), index_limit=20)
    write(PREFIX + "merging", merging())
    if K.backend() != "tensorflow":
        return
    write(PREFIX + "separable", separable())
    write(PREFIX + "recurrent", recurrent(), index_limit=20)
    write(PREFIX + "sequence_to_sequence", sequence_to_sequence(), index_limit=12)
    write(PREFIX + "siamese", siamese())
    write(PREFIX + "volumes", volumes())
    write(PREFIX + "film", film())
    if NEWER:
        write(PREFIX + "stateful", stateful())  # Keras 2.0.9 could not read back its own cells.
        write(PREFIX + "distributed", distributed())
        model = Sequential([kl.GRU(3, reset_after=True, input_shape=(4, 2), return_sequences=True), kl.GRU(2)])
        write(PREFIX + "gru", model)


main()
