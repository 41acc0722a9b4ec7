from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.inputs.image_input import image_preprocessing
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SubgraphDescription,
    TensorDescription,
)


def model(dtype: str, scale: float, zero_point: int, *, float_input: bool = False) -> ModelDescription:
    """A model with an input of 4 × 4 pixels that is quantized like this, or by a QUANTIZE after a float input."""
    codes = TensorDescription(0, "x", (1, 4, 4, 1), (-1, 4, 4, 1), dtype, (scale,), (zero_point,), 0, 0, False, False)
    if not float_input:
        return ModelDescription(0, "", (SubgraphDescription("", (codes,), (), (0,), (0,)),), (), ())
    floats = codes._replace(index=1, dtype="float32", scales=(), zero_points=())
    quantize = OperatorDescription("QUANTIZE", 1, "", (1,), (0,))
    return ModelDescription(0, "", (SubgraphDescription("", (codes, floats), (quantize,), (1,), (0,)),), (), ())


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        # TensorFlow's own quantized MobileNet: uint8 codes for -1 to 127/128.
        pytest.param(model("uint8", 1 / 128, 128), (-1, 1), id="mobilenet"),
        pytest.param(model("int8", 1 / 255, -128), (0, 1), id="zero-to-one"),
        pytest.param(model("int8", 0.9 / 255, -128), (0, 1), id="no-white-pixel-in-the-calibration"),
        pytest.param(model("uint8", 1.0, 0), (0, 255), id="pixels-themselves"),
        pytest.param(model("int8", 2 / 255, 0, float_input=True), (-1, 1), id="floats-quantized-inside"),
        # Means and standard deviations of ImageNet: about -2.1 to 2.6.
        pytest.param(model("uint8", 4.7 / 255, 114), (-114 * 4.7 / 255, 141 * 4.7 / 255), id="its-own"),
        pytest.param(model("int16", 1 / 32767, 0), (0, 1), id="16-bits-tell-nothing"),
    ],
)
def test_the_range_of_a_quantized_model_with_nothing_packed(
    description: ModelDescription, expected: tuple[float, float]
) -> None:
    preprocessing = image_preprocessing(description, model_inputs(description)[0], None, None)
    assert preprocessing is not None
    assert preprocessing.value_range == pytest.approx(expected)
    given = image_preprocessing(description, model_inputs(description)[0], None, (0.0, 2.0))
    assert given is not None
    assert given.value_range == pytest.approx((0, 2))


def test_pixels_as_floats_are_refused_where_the_range_is_known(tflite_folder: Path) -> None:
    pixels = np.full((2, 12, 12, 1), 200, np.float32)
    path = tflite_folder / "cnn_float32.tflite"
    model = edgekit_runtime.load(path, pixel_range=(0, 1))
    assert len(model.classify(pixels / 255)) == 2
    with pytest.raises(TensorMismatchError, match="must already be preprocessed") as caught:
        model.classify(pixels)
    assert caught.value.received == "values from 200 to 200"
    # The pixel range of this model is not known.
    assert len(edgekit_runtime.load(path).classify(pixels)) == 2


@pytest.mark.parametrize("pixel_range", [(0, 1), (-1, 1), (0, 255)])
@pytest.mark.parametrize("name", ["cnn_float32", *(f"cnn_int8_io_{io}" for io in ("float32", "int8", "uint8"))])
def test_pixels_become_the_floats_of_their_range(
    name: str, pixel_range: tuple[float, float], tflite_folder: Path
) -> None:
    model = edgekit_runtime.load(tflite_folder / f"{name}.tflite", pixel_range=pixel_range)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), np.uint8)
    low, high = pixel_range
    floats = (low + pixels.astype(np.float64) * ((high - low) / 255)).astype(np.float32)
    # One image, a few and many images take different code paths.
    for number in (1, 3, 40):
        scores = np.empty((number, model.outputs[0].shape[1]), np.float32)
        for row, answer in zip(scores, model.classify(pixels[:number], top_k=scores.shape[1])):
            for entry in answer.top:
                row[int(entry.label)] = entry.score
        np.testing.assert_array_equal(scores, model.predict(floats[:number]))


def test_a_single_score_is_a_probability_or_no_class(tflite_folder: Path) -> None:
    path = tflite_folder / "brightness.tflite"
    pixels = np.stack([np.full((12, 12), value, np.uint8) for value in (51, 204)])
    dark, bright = edgekit_runtime.load(path, pixel_range=(0, 1), labels=["dark", "bright"]).classify(pixels)
    assert (dark.label, bright.label) == ("dark", "bright")
    assert (dark.score, bright.score) == pytest.approx((0.8, 0.8), abs=1e-5)
    # Scores of a regression, or logits, do not decide between two classes.
    for pixel_range in ((0, 255), (-1, 1)):
        with pytest.raises(TensorMismatchError, match="not a probability") as caught:
            edgekit_runtime.load(path, pixel_range=pixel_range, labels=["dark", "bright"]).classify(pixels)
        assert caught.value.next_step == "use predict()"
    # Without labels, nothing shows that the score is a probability.
    with pytest.raises(TensorMismatchError, match="output output_0 of the kind values"):
        edgekit_runtime.load(path, pixel_range=(0, 1)).classify(pixels)
