"""Every step that claims to be exact leaves the predictions of random models as they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import edgekit_runtime
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.repair.absorption import without_offsets, without_softmax_offsets, without_unread_components
from edgekit_converters.repair.attention_masks import with_clamped_masks, with_finite_masks
from edgekit_converters.repair.channel_statistics import measure_channels
from edgekit_converters.repair.equalization import EXPONENTS, equalized
from edgekit_runtime.tflite.tflite_model import TfliteModel


class Case(NamedTuple):
    """A float model, examples (N, …) by input name, and its outputs for them."""

    model: TfliteModel
    inputs: dict[str, np.ndarray]
    expected: list[np.ndarray]


def outputs(model: TfliteModel, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    return list(edgekit_runtime.load(model).predict_named(inputs).values())


def case_of(keras_model: Any, shape: tuple[int, ...], seed: int) -> Case:
    """Randomize the weights, biases included, with scales of output channels up to a thousandfold apart."""
    random = np.random.default_rng(seed)
    for layer in keras_model.layers:
        weights = [random.normal(size=each.shape) / np.sqrt(max(each[..., 0].size, 1)) for each in layer.get_weights()]
        if len(weights) == 2 and "conv" in layer.name:
            channels = weights[1].shape[0]
            spread = 10 ** random.uniform(-1.5, 1.5, channels)
            weights = [weights[0] * (spread if weights[0].shape[-1] == channels else spread[:, None]), weights[1]]
        layer.set_weights(weights)
    return lowered(keras_model, random.normal(size=(48, *shape)).astype(np.float32))


def lowered(keras_model: Any, examples: np.ndarray) -> Case:
    model = lower_keras_model(keras_model, name="case")[0]
    (name, _), *_ = model.description.signatures[0].inputs
    return Case(model, {name: examples}, outputs(model, {name: examples}))


def image_model() -> Any:
    import keras
    from keras import layers

    x = entry = layers.Input((9, 9, 3), name="picture")
    x = layers.Conv2D(8, 3, padding="same", name="conv0", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", name="conv1")(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    left = layers.Conv2D(8, 1, name="conv2", activation="relu6")(x)
    right = layers.Conv2D(8, 3, padding="same", dilation_rate=2, name="conv3", activation="swish")(x)
    x = layers.Concatenate()([left, layers.MaxPooling2D(3, 1, padding="same")(right)])
    x = layers.Conv2D(8, 1, name="conv4")(layers.ZeroPadding2D(1)(x))
    x = layers.Add()([x, layers.Conv2D(8, 1, name="conv5")(layers.UpSampling2D(7)(layers.AveragePooling2D(5)(x)))])
    x = layers.Conv2DTranspose(6, 2, strides=2, name="conv6")(layers.LeakyReLU()(x))
    gate = layers.Dense(6, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Rescaling([0.5, 1, 2, 1, 1, 3], offset=1.0)(layers.Multiply()([x, gate]))
    x = layers.Dense(12, activation="relu")(layers.Flatten()(layers.MaxPooling2D(4)(x)))
    return keras.Model(entry, layers.Softmax()(layers.Dense(5)(x)))


def attention_model() -> Any:
    import keras
    from keras import layers

    x = entry = layers.Input((6, 8), name="sequence")
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)])
    return keras.Model(entry, layers.Dense(3)(layers.Flatten()(x)))


@pytest.fixture(scope="module", params=range(2))
def images(request: pytest.FixtureRequest) -> Case:
    return case_of(image_model(), (9, 9, 3), request.param)


@pytest.fixture(scope="module")
def attention() -> Case:
    return case_of(attention_model(), (6, 8), 0)


def offset_model() -> Any:
    """A convolution with padding reads a sum whose offset the next sum takes away."""
    import keras
    from keras import layers

    x = entry = layers.Input((7, 7, 2), name="picture")
    x = layers.Conv2D(4, 3, activation="relu", padding="same")(x)
    x = layers.Add()([x, layers.Conv2D(4, 1, name="lifted")(x)])
    branch = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="reader")(x)
    x = layers.Add()([x, layers.Conv2D(4, 1, name="down")(x)])
    x = layers.Concatenate()([layers.Flatten()(branch), layers.Flatten()(x)])
    return keras.Model(entry, layers.Dense(3)(x))


def relu_model() -> Any:
    import keras
    from keras import layers

    x = entry = layers.Input((6,), name="values")
    return keras.Model(entry, layers.Dense(2)(layers.Dense(8, activation="relu", name="lifted")(x)))


def pooled_model() -> Any:
    """Only some channels of a ReLU are far up, and a pooling lies between it and its reader."""
    import keras
    from keras import layers

    x = entry = layers.Input((8, 8, 2), name="picture")
    x = layers.MaxPooling2D()(layers.Conv2D(4, 3, padding="same", activation="relu", name="lifted")(x))
    return keras.Model(entry, layers.Dense(3)(layers.Flatten()(layers.Conv2D(5, 3)(x))))


def with_offsets(keras_model: Any, shape: tuple[int, ...], **offsets: np.ndarray) -> Case:
    import keras

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    for layer in keras_model.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            bias = random.normal(scale=0.1, size=bias.shape) + offsets.get(layer.name, 0)
            layer.set_weights([random.normal(scale=0.3, size=kernel.shape), bias])
    return lowered(keras_model, random.normal(size=(48, *shape)).astype(np.float32))


@pytest.fixture(scope="module")
def offset_case() -> Case:
    far = np.array([60.0, 0, 0, -40])
    return with_offsets(offset_model(), (7, 7, 2), lifted=far, down=-far)


@pytest.fixture(scope="module")
def relu_case() -> Case:
    return with_offsets(relu_model(), (6,), lifted=np.full(8, 100.0))


@pytest.fixture(scope="module")
def pooled_case() -> Case:
    return with_offsets(pooled_model(), (8, 8, 2), lifted=np.array([90.0, 0, 0, 70]))


@pytest.fixture(scope="module")
def component_case() -> Case:
    """A dense layer writes a large component that the next one multiplies by 0."""
    import keras
    from keras import layers

    x = entry = layers.Input((6,), name="values")
    x = layers.Dense(8, name="writer")(x)
    model = keras.Model(entry, layers.Dense(8, name="reader", activation="relu")(x))
    random = np.random.default_rng(0)
    direction = np.linalg.qr(random.normal(size=(8, 8)))[0][0]
    kernel = random.normal(size=(6, 8)) + 300 * np.outer(random.normal(size=6), direction)
    model.get_layer("writer").set_weights([kernel, np.zeros(8)])
    reading = random.normal(size=(8, 8))
    model.get_layer("reader").set_weights([reading - np.outer(direction, direction @ reading), np.zeros(8)])
    return lowered(model, random.normal(size=(48, 6)).astype(np.float32))


def require_equal(case: Case, model: TfliteModel, tolerance: float = 1e-4, changes: bool = True) -> None:
    assert (model != case.model) == changes
    for before, after in zip(case.expected, outputs(model, case.inputs), strict=True):
        np.testing.assert_allclose(after, before, atol=tolerance * np.abs(before).max())


@pytest.mark.parametrize("frees_gates", [False, True], ids=["plain", "gated"])
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_equalization(images: Case, exponent: float, frees_gates: bool) -> None:
    channels = measure_channels(images.model, images.inputs)
    model = equalized(images.model, channels, exponent=exponent, frees_gates=frees_gates)
    # The gates of one of the models are not wide enough.
    require_equal(images, model, changes=model is not images.model or not frees_gates)


def test_equalization_brings_channels_of_a_tensor_together(images: Case) -> None:
    before = measure_channels(images.model, images.inputs)
    model = equalized(images.model, before, exponent=1.0)
    after = measure_channels(model, images.inputs)
    name = next(each.name for each in images.model.description.tensors if "conv1" in each.name and each.index in before)
    index = next(each.index for each in model.description.tensors if each.name == name)
    assert np.ptp(np.log10(before[index].peak)) > 1
    assert np.ptp(np.log10(after[index].peak)) < 0.5


def test_what_softmax_is_blind_to(images: Case) -> None:
    require_equal(images, without_softmax_offsets(images.model))


def test_the_bias_of_keys(attention: Case) -> None:
    require_equal(attention, without_softmax_offsets(attention.model))


def test_masks_keep_their_effect(attention: Case) -> None:
    finite = with_finite_masks(attention.model)
    require_equal(attention, with_clamped_masks(finite, attention.inputs), tolerance=2e-3)


@pytest.mark.parametrize("case", ["offset_case", "relu_case", "pooled_case"])
def test_offsets_move_into_the_next_bias(case: str, request: pytest.FixtureRequest) -> None:
    found: Case = request.getfixturevalue(case)
    model = without_offsets(found.model, measure_channels(found.model, found.inputs))
    require_equal(found, model)
    before, after = (peak_of(each, found.inputs) for each in (found.model, model))
    assert before > 30
    assert after < 15


def peak_of(model: TfliteModel, inputs: dict[str, np.ndarray]) -> float:
    """The largest value that the layer with the offsets writes."""
    channels = measure_channels(model, inputs)
    written = [each for each in model.description.tensors if "lifted" in each.name and each.index in channels]
    return max(float(channels[each.index].peak.max()) for each in written)


def test_a_component_that_every_reader_drops_is_removed(component_case: Case) -> None:
    model = without_unread_components(component_case.model)
    require_equal(component_case, model)
    peaks = [
        max(each.peak.max() for each in measure_channels(each_model, component_case.inputs).values())
        for each_model in (component_case.model, model)
    ]
    assert peaks[1] < peaks[0] / 20
