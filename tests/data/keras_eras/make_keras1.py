"""Writes the fixtures of Keras 1.2.2: small models with random weights, and their answers to a random input.

Needs Python 3.6 with keras==1.2.2, h5py<3, numpy<1.17, and tensorflow==1.4.0 or theano==0.9.0:

    KERAS_BACKEND=tensorflow python3.6 make_keras1.py
    KERAS_BACKEND=theano THEANO_FLAGS=cxx=,optimizer=fast_compile python3.6 make_keras1.py
"""

import os

import numpy as np
from keras import backend as K
from keras import layers as kl
from keras.layers import advanced_activations as ka
from keras.models import Model, Sequential

HERE = os.path.dirname(os.path.abspath(__file__))


def convolutions(order):
    shape = (12, 12, 3) if order == "tf" else (3, 12, 12)
    channels = -1 if order == "tf" else 1
    # Theano pads otherwise where a convolution strides.
    stride = (2, 2) if K.backend() == "tensorflow" else (1, 1)
    return Sequential(
        [
            kl.ZeroPadding2D((1, 2), dim_ordering=order, input_shape=shape),
            kl.Convolution2D(4, 3, 2, activation="relu", border_mode="valid", dim_ordering=order),
            kl.BatchNormalization(axis=channels),
            kl.MaxPooling2D((2, 2), dim_ordering=order),
            kl.Convolution2D(5, 3, 3, border_mode="same", subsample=stride, dim_ordering=order, bias=False),
            ka.PReLU(),
            kl.Dropout(0.5),
            kl.AtrousConvolution2D(3, 3, 3, atrous_rate=(2, 2), border_mode="same", dim_ordering=order),
            ka.LeakyReLU(0.2),
            kl.UpSampling2D((2, 2), dim_ordering=order),
            kl.Flatten(),
            kl.Dense(4),
        ]
    )


def text():
    return Sequential(
        [
            kl.Embedding(20, 6, input_length=10),
            kl.Convolution1D(5, 3, activation="tanh", border_mode="same"),
            kl.MaxPooling1D(2),
            kl.GlobalMaxPooling1D(),
            kl.Dense(2, activation="sigmoid"),
        ]
    )


def recurrent():
    return Sequential(
        [
            kl.Embedding(20, 4, input_length=7, mask_zero=True),
            kl.LSTM(5, return_sequences=True),
            kl.GRU(4, return_sequences=True, consume_less="gpu"),
            kl.TimeDistributed(kl.Dense(3, activation="relu")),
            kl.SimpleRNN(3),
        ]
    )


def bidirectional():
    return Sequential(
        [
            kl.Bidirectional(kl.LSTM(3, return_sequences=True), merge_mode="sum", input_shape=(6, 4)),
            kl.Bidirectional(kl.GRU(2)),
            kl.Dense(2),
        ]
    )


def branches():
    left = Sequential([kl.Dense(4, input_dim=5, activation="relu"), kl.Dense(3)])
    right = Sequential([kl.Dense(3, input_dim=2)])
    return Sequential([kl.Merge([left, right], mode="concat"), kl.Dense(2, activation="softplus")])


def functional():
    a = kl.Input((6,))
    b = kl.Input((6,))
    shared = kl.Dense(4, activation="hard_sigmoid")
    joined = [shared(a), shared(b)]
    total = kl.merge(joined, mode="sum")
    product = kl.merge(joined, mode="mul")
    return Model([a, b], [kl.Dense(2)(kl.merge([total, product], mode="concat")), kl.merge(joined, mode="dot")])


def dense_variants():
    return Sequential(
        [
            kl.MaxoutDense(5, nb_feature=3, input_dim=6),
            kl.Highway(activation="tanh"),
            ka.ELU(0.7),
            kl.BatchNormalization(),
            ka.ThresholdedReLU(0.1),
            kl.GaussianNoise(0.1),
            ka.ParametricSoftplus(),
            ka.SReLU(),
            kl.RepeatVector(3),
            kl.Permute((2, 1)),
            kl.Reshape((3, 5)),
        ]
    )


def images(order):
    """Layers of images that are rarer."""
    shape = (9, 9, 2) if order == "tf" else (2, 9, 9)
    layers = [
        kl.LocallyConnected2D(3, 3, 3, dim_ordering=order, input_shape=shape),
        kl.AveragePooling2D((2, 2), dim_ordering=order),
        kl.GlobalAveragePooling2D(dim_ordering=order),
    ]
    if K.backend() == "tensorflow" and order == "tf":
        layers.insert(0, kl.SeparableConvolution2D(2, 3, 3, border_mode="same", input_shape=shape))
        out = (None, 9, 9, 2)
        layers.insert(1, kl.Deconvolution2D(2, 3, 3, out, border_mode="same", dim_ordering=order))
    return Sequential(layers)


def lambdas():
    return Sequential([kl.Lambda(lambda x: x / 255.0 - 0.5, input_shape=(4,)), kl.Dense(3)])


def volumes():
    return Sequential(
        [
            kl.Convolution3D(2, 2, 2, 2, dim_ordering="tf", input_shape=(4, 4, 4, 2)),
            kl.MaxPooling3D((1, 3, 1), dim_ordering="tf"),
            kl.Flatten(),
            kl.Dense(2),
        ]
    )


def film():
    return Sequential(
        [
            kl.ConvLSTM2D(3, 3, 3, border_mode="same", dim_ordering="tf", input_shape=(3, 5, 5, 2)),
            kl.Flatten(),
            kl.Dense(2),
        ]
    )


def randomize(model, rng):
    weights = []
    for weight in model.get_weights():
        # Positive where it may be a variance, and small.
        weights.append((rng.rand(*weight.shape) * 0.8 - (0.3 if weight.ndim > 1 else 0.0)).astype("float32"))
    model.set_weights(weights)


def write(name, model, index_limit=0):
    rng = np.random.RandomState(0)
    randomize(model, rng)
    inputs = []
    for tensor in model.inputs:
        shape = (2,) + tuple(K.int_shape(tensor)[1:])
        values = rng.randint(0, index_limit, shape) if index_limit else rng.randn(*shape) * 2
        inputs.append(values.astype("float32"))
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    path = os.path.join(HERE, "keras1_{}_{}".format(K.backend(), name))
    model.save(path + ".h5")
    arrays = {"input_%d" % number: value for number, value in enumerate(inputs)}
    arrays.update({"output_%d" % number: value for number, value in enumerate(outputs)})
    np.savez_compressed(path + ".npz", **arrays)
    print(path, os.path.getsize(path + ".h5"))


def main():
    write("convolutions_tf", convolutions("tf"))
    write("convolutions_th", convolutions("th"))
    write("text", text(), index_limit=20)
    write("images_th", images("th"))
    if K.backend() != "tensorflow":
        return
    write("images_tf", images("tf"))
    write("recurrent", recurrent(), index_limit=20)
    write("bidirectional", bidirectional())
    write("branches", branches())
    write("functional", functional())
    write("dense_variants", dense_variants())
    write("lambdas", lambdas())
    write("volumes", volumes())
    write("film", film())


main()
