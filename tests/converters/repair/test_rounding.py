"""Weights rounded for the output of their layer, and biases that make up for the rest."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.repair.bias_correction import bias_corrected
from edgekit_converters.repair.graph import EditableGraph
from edgekit_converters.repair.layer_inputs import LayerInputs, measure_layer_inputs
from edgekit_converters.repair.layers import layers
from edgekit_converters.repair.rounding import adaptive_codes, rounded
from edgekit_converters.repair.weight_codes import WeightCodes
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.tflite_model import TfliteModel


def test_errors_of_values_that_vary_together_cancel() -> None:
    # Both values are always equal, so 0.4 + 0.4 is best as 0 + 1; the largest weight keeps its code.
    rows = np.array([[0.4, 0.4, 3.0]])
    covariance = np.array([[[1.0, 1.0, 0], [1.0, 1.0, 0], [0, 0, 1.0]]])
    codes = adaptive_codes(rows, np.ones((1, 1)), covariance, (-7, 7))
    assert sorted(codes[0, :2]) == [0, 1]
    assert codes[0, 2] == 3


@pytest.mark.parametrize("groups", [1, 6], ids=["dense", "depthwise"])
def test_the_output_is_never_further_off_than_with_the_nearest_codes(groups: int) -> None:
    random = np.random.default_rng(0)
    rows, values = random.normal(size=(6, 20)), random.normal(size=(groups, 40, 20)) @ random.normal(size=(20, 20))
    covariance = values.transpose(0, 2, 1) @ values / 40
    scales = np.abs(rows).max(1, keepdims=True) / 7
    codes = adaptive_codes(rows, scales, covariance, (-8, 7))

    def output_errors(chosen: np.ndarray) -> np.ndarray:
        errors = (chosen - rows / scales) * scales
        return np.einsum("ok,okl,ol->o", errors, np.broadcast_to(covariance, (6, 20, 20)), errors)

    assert np.all(np.abs(codes - rows / scales) <= 1)
    before, after = output_errors(np.rint(rows / scales)), output_errors(codes)
    assert after.sum() < 0.5 * before.sum()


@pytest.fixture(scope="module")
def moments(small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray) -> dict[int, LayerInputs]:
    name = small_cnn_tflite.description.signatures[0].inputs[0][0]
    return measure_layer_inputs(small_cnn_tflite, {name: small_cnn_inputs})


def test_moments_are_those_of_what_a_layer_reads(
    small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray, moments: dict[int, LayerInputs]
) -> None:
    layer = layers(EditableGraph(small_cnn_tflite))[0]
    patches = np.stack(
        [small_cnn_inputs[:, row : row + 6, column : column + 6, 0] for row in range(3) for column in range(3)], -1
    ).reshape(-1, 9)
    np.testing.assert_allclose(moments[layer.output].mean[0], patches.mean(0), atol=1e-5)
    np.testing.assert_allclose(moments[layer.output].covariance[0], np.cov(patches.T, bias=True), atol=1e-5)


@pytest.mark.parametrize("mode", [Mode.INT8, Mode.INT4], ids=lambda mode: mode.value)
def test_the_quantizer_writes_the_codes_that_were_chosen(
    mode: Mode, small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray, moments: dict[int, LayerInputs]
) -> None:
    model = rounded(small_cnn_tflite, moments, WeightCodes(mode.record.weight_bits))
    assert model != small_cnn_tflite
    name = model.description.signatures[0].inputs[0][0]
    ranges = calibrate(model, ({name: small_cnn_inputs[row : row + 1]} for row in range(50)))
    made = TensorValues(quantize(model, mode, ranges=ranges if mode.needs_calibration else None))
    made.run({name: small_cnn_inputs})
    by_name = {tensor.name: tensor for tensor in made.tensors}
    graph = EditableGraph(model)
    for layer in layers(graph):
        weights = by_name[graph.name(layer.node.inputs[1])]
        assert weights.dtype == f"int{mode.record.weight_bits}"
        np.testing.assert_allclose(made.real(weights).reshape(-1), layer.weights.reshape(-1), atol=1e-5)


def test_the_mean_error_of_rounded_weights_goes_into_the_bias(
    small_cnn_tflite: TfliteModel, moments: dict[int, LayerInputs]
) -> None:
    corrected = layers(EditableGraph(bias_corrected(small_cnn_tflite, moments, WeightCodes(4))))[0]
    before = layers(EditableGraph(small_cnn_tflite))[0]
    rows = before.weights.reshape(len(before.weights), -1)
    scales = WeightCodes(4).scales(rows)
    lost = (np.clip(np.rint(rows / scales), -8, 7) * scales - rows) @ moments[before.output].mean[0]
    np.testing.assert_allclose(corrected.bias, before.bias - lost, atol=1e-6)
