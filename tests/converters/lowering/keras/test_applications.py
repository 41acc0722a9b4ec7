"""Families of keras.applications are known by the names of their models."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit_converters.lowering.keras.applications import application_note


def test_a_model_that_holds_one_is_known_by_its_layers() -> None:
    import keras

    base = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")
    flat = keras.Model(base.input, keras.layers.Dense(2)(base.output))
    nested = keras.Sequential([keras.layers.Input((32, 32, 3)), base, keras.layers.Dense(2)])
    for model in (base, flat, nested):
        assert application_note(model).endswith("convert it with --pixel-range -1,1.")


@pytest.mark.parametrize(
    ("build", "options"),
    [
        ("MobileNet", "--pixel-range -1,1"),
        ("VGG16", "--pixel-range 0,255 --mean 103.939,116.779,123.68 --color-order bgr"),
        ("DenseNet121", "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"),
    ],
)
def test_options_for_a_family(build: str, options: str) -> None:
    import keras

    model = getattr(keras.applications, build)(input_shape=(32, 32, 3), include_top=False, weights=None)
    assert application_note(model).endswith(f"convert it with {options}.")


def test_a_model_of_one_s_own_is_told_nothing() -> None:
    import keras

    own = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, name="conv1")], name="vgg16")
    assert application_note(own) == ""


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("mobilenet_v2", {"scale": 2 / 255, "offset": -1.0}),
        ("vgg16", {"scale": 1.0, "offset": (-103.939, -116.779, -123.68), "color_order": "bgr"}),
        (
            "densenet",
            {
                "scale": tuple(1 / 255 / std for std in (0.229, 0.224, 0.225)),
                "offset": tuple(-m / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)),
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_options_are_what_keras_does(module: str, options: dict) -> None:
    import importlib

    from edgekit_runtime.inputs.preprocessing import Preprocessing

    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    keras_module = importlib.import_module(f"keras.applications.{module}")
    expected = keras_module.preprocess_input(pixels.astype(np.float32), data_format="channels_last")
    np.testing.assert_allclose(Preprocessing(4, 5, 3, **options)(pixels), expected, rtol=1e-5, atol=1e-4)
