"""Small models built to break int8: each works in float32 and loses far more than a point in plain int8.

The backbones have seeded random weights, what breaks int8 is put in by hand, and the last layer is fitted by ridge
regression to what the backbone makes of the data, so that every model is good at something real and takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Examples that the last layer is fitted to; the rest is new to the model.
FITTED = 900


@dataclass(frozen=True, slots=True)
class HostileModel:
    """A float model and examples of its task.

    Attributes:
        name: What breaks int8.
        keras_model: The model.
        model: Its float32 .tflite.
        inputs: float32 (N, ...); the first ``FITTED`` are what the last layer was fitted to.
        targets: Classes, int64 (N,), or for a regression float32 (N,).
        metric: ``top1`` or ``r2``, what a budget is about.
    """

    name: str
    keras_model: Any
    model: TfliteModel
    inputs: np.ndarray
    targets: np.ndarray
    metric: str


def depthwise_without_batch_norm() -> HostileModel:
    """The channels between a depthwise and a pointwise layer are a thousandfold apart; nothing evens them out."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Conv2D(16, 1, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="uneven")(x)
    x = layers.Conv2D(24, 1, activation="relu", name="evening")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Conv2D(24, 1, activation="relu")(x)
    return _classifier("depthwise without batch norm", entry, x, lambda model: _spread(model, "uneven", "evening", 1e3))


def regression_head() -> HostileModel:
    """The last hidden layer stands at 100 and varies by a tenth: the answer is a difference of large numbers."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    for filters in (8, 12, 12, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu", name="lifted")(x)

    def lift(model: Any) -> None:
        kernel, bias = model.get_layer("lifted").get_weights()
        model.get_layer("lifted").set_weights([kernel, bias + 100])

    pixels, _ = _digits()
    # The height of the ink's centre of gravity, in pixels.
    target = (pixels[..., 0].sum(2) * np.arange(8)).sum(1) / pixels.sum((1, 2, 3))
    return _regression("regression head", entry, x, lift, pixels, target.astype(np.float32))


def wide_softmax() -> HostileModel:
    """A thousand classes, and none that ever gets a probability of 1/256, the step of an int8 softmax."""
    import keras
    from keras import layers

    random = np.random.default_rng(3)
    classes, examples = 1000, 2000
    prototypes = random.normal(size=(classes, 32))
    labels = random.integers(0, classes, examples)
    inputs = (prototypes[labels] + 0.2 * random.normal(size=(examples, 32))).astype(np.float32)
    keras.utils.set_random_seed(3)
    x = entry = layers.Input((32,), name="reading")
    for _ in range(4):
        x = layers.Dense(128, activation="relu")(x)
    x = layers.Dense(classes, name="scores")(x)
    model = keras.Model(entry, layers.Softmax(name="probabilities")(x))
    features = keras.Model(entry, model.layers[-3].output)
    # The nearest class in feature space: |f - m|² = |f|² - 2 f·m + |m|².
    means = np.asarray(features(prototypes.astype(np.float32)))
    scores = means.T, -0.5 * (means**2).sum(1)
    spread = np.std(np.asarray(features(inputs)) @ scores[0] + scores[1])
    model.get_layer("scores").set_weights([0.5 * part / spread for part in scores])
    return HostileModel("wide softmax", model, _lower(model), inputs, labels.astype(np.int64), "top1")


def rare_outliers() -> HostileModel:
    """One example in forty lights a corner pixel, and a filter that waits for it answers with 400."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="peak")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="after")(x)
    for _ in range(3):
        x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)

    def sharpen(model: Any) -> None:
        first = model.layers[1]
        kernel, bias = first.get_weights()
        # Filter 0 sees the centre pixel only where all its neighbours to the right and below are dark.
        kernel[..., 0] = -4.0
        kernel[1, 1, 0, 0] = 1.0
        first.set_weights([kernel, bias])
        kernel, bias = model.get_layer("peak").get_weights()
        kernel[..., 0] = 0.0
        kernel[1, 1, 0, 0] = 400.0
        model.get_layer("peak").set_weights([kernel, bias])
        kernel, bias = model.get_layer("after").get_weights()
        kernel[:, :, 0] /= 400.0
        model.get_layer("after").set_weights([kernel, bias])

    pixels, labels = _digits()
    pixels = pixels.copy()
    pixels[::40, 0, 0] = 1.0
    return _classifier("rare outliers", entry, x, sharpen, pixels, labels)


def swish_chain() -> HostileModel:
    """Channels three thousandfold apart where swish hides the small ones under its dip."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    for number, filters in enumerate((8, 16, 16, 16, 16)):
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{number}")(x)
        x = layers.Activation("swish")(x)
    x = layers.MaxPooling2D()(x)
    return _classifier("swish chain", entry, x, lambda model: _spread(model, "conv1", "conv2", 3e3))


def sigmoid_chain() -> HostileModel:
    """One sigmoid stays within 0.5 ± 0.02, ten steps of int8, and the next layer magnifies it."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    x = layers.Flatten()(x)
    for number in range(5):
        x = layers.Dense(48, name=f"dense{number}")(x)
        x = layers.Activation("sigmoid")(x)

    def narrow(model: Any) -> None:
        for number in range(5):
            kernel, bias = model.get_layer(f"dense{number}").get_weights()
            # Sigmoids are flat: without a steeper slope nothing would be left after five of them.
            kernel *= 4
            if number == 2:
                kernel /= 150
            if number == 3:
                kernel *= 150
            if number > 0:
                bias = -0.5 * kernel.sum(0)
            model.get_layer(f"dense{number}").set_weights([kernel, bias])

    return _classifier("sigmoid chain", entry, x, narrow)


def residual() -> HostileModel:
    """A block adds 400 to one channel of the stream and the next block takes it away again."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    for number in range(5):
        branch = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
        branch = layers.Conv2D(12, 3, padding="same", name=f"branch{number}")(branch)
        x = layers.Add()([x, branch])
    x = layers.MaxPooling2D()(x)

    def push(model: Any) -> None:
        for number, offset in ((1, 400.0), (2, -400.0)):
            kernel, bias = model.get_layer(f"branch{number}").get_weights()
            bias[0] += offset
            model.get_layer(f"branch{number}").set_weights([kernel, bias])
        reader = model.layers[model.layers.index(model.get_layer("branch2")) - 1]
        kernel, bias = reader.get_weights()
        kernel[:, :, 0] /= 400.0
        reader.set_weights([kernel, bias])

    return _classifier("residual", entry, x, push)


def concatenated_scales() -> HostileModel:
    """int8 concatenation has one scale, and the branches it joins are a thousandfold apart."""
    from keras import layers

    x = entry = layers.Input((8, 8, 1), name="picture")
    x = layers.Conv2D(12, 3, padding="same", activation="relu")(x)
    small = layers.Conv2D(12, 3, padding="same", activation="relu", name="small")(x)
    large = layers.Conv2D(4, 1, padding="same", activation="relu", name="large")(x)
    x = layers.Concatenate()([small, large])
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="joined")(x)
    for _ in range(2):
        x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(x)

    def widen(model: Any) -> None:
        kernel, bias = model.get_layer("large").get_weights()
        model.get_layer("large").set_weights([kernel * 1000, bias])
        kernel, bias = model.get_layer("joined").get_weights()
        kernel[:, :, 12:] /= 1000
        model.get_layer("joined").set_weights([kernel, bias])

    return _classifier("concatenated scales", entry, x, widen)


HOSTILE_MODELS: tuple[Callable[[], HostileModel], ...] = (
    depthwise_without_batch_norm,
    regression_head,
    wide_softmax,
    rare_outliers,
    swish_chain,
    sigmoid_chain,
    residual,
    concatenated_scales,
)


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 scanned digits, shuffled: float32 (N, 8, 8, 1) in 0…1, and their classes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    return (digits.images[order, ..., None] / 16).astype(np.float32), digits.target[order].astype(np.int64)


def _classifier(
    name: str,
    entry: Any,
    features: Any,
    break_int8: Callable[[Any], None],
    inputs: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> HostileModel:
    from keras import layers

    if inputs is None or labels is None:
        inputs, labels = _digits()
    if len(features.shape) > 2:
        features = layers.Flatten()(features)
    scores = layers.Dense(10, name="scores")(features)
    one_hot = np.eye(10)[labels]
    # Ridge regression answers with about 0 and 1, which a softmax would leave nearly flat.
    model = _fitted(entry, features, layers.Softmax()(scores), break_int8, inputs, 10 * one_hot)
    return HostileModel(name, model, _lower(model), inputs, labels, "top1")


def _regression(
    name: str, entry: Any, features: Any, break_int8: Callable[[Any], None], inputs: np.ndarray, targets: np.ndarray
) -> HostileModel:
    from keras import layers

    output = layers.Dense(1, name="scores")(features)
    model = _fitted(entry, features, output, break_int8, inputs, targets[:, None], 1e-6)
    return HostileModel(name, model, _lower(model), inputs, targets, "r2")


def _fitted(
    entry: Any,
    features: Any,
    output: Any,
    break_int8: Callable[[Any], None],
    inputs: np.ndarray,
    targets: np.ndarray,
    ridge: float = 1e-3,
) -> Any:
    """Seed the weights, put in what breaks int8, and fit the layer ``scores``."""
    import keras

    model = keras.Model(entry, output)
    random = np.random.default_rng(7)
    for layer in model.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            inputs_of_one = 9 if type(layer).__name__ == "DepthwiseConv2D" else kernel.size / kernel.shape[-1]
            kernel = random.normal(scale=np.sqrt(2 / inputs_of_one), size=kernel.shape)
            layer.set_weights([kernel, random.normal(scale=0.05, size=bias.shape)])
    break_int8(model)
    seen = np.asarray(keras.Model(entry, features)(inputs[:FITTED]), np.float64)
    centre, target_centre = seen.mean(0), targets[:FITTED].mean(0)
    seen = seen - centre
    strength = ridge * np.mean((seen**2).sum(0)) + 1e-12
    gram = seen.T @ seen + strength * np.eye(seen.shape[1])
    kernel = np.linalg.solve(gram, seen.T @ (targets[:FITTED] - target_centre))
    model.get_layer("scores").set_weights([kernel, target_centre - centre @ kernel])
    return model


def _spread(model: Any, writer: str, reader: str, ratio: float) -> None:
    """Make the channels that ``writer`` hands to ``reader`` differ ``ratio``-fold, without a change of the answer."""
    factors = np.geomspace(ratio**-0.5, ratio**0.5, model.get_layer(writer).output.shape[-1])
    kernel, bias = model.get_layer(writer).get_weights()
    # A depthwise kernel has its channels on the last axis but one.
    is_depthwise = type(model.get_layer(writer)).__name__ == "DepthwiseConv2D"
    model.get_layer(writer).set_weights([kernel * (factors[:, None] if is_depthwise else factors), bias * factors])
    kernel, bias = model.get_layer(reader).get_weights()
    model.get_layer(reader).set_weights([kernel / factors[:, None], bias])


def _lower(model: Any) -> TfliteModel:
    return lower_keras_model(model, name="hostile")[0]
