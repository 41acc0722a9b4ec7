"""Noise of single operators: the formula by hand, and a small CNN whose trouble is known."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np
import pytest

from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.operator_noise import (
    float_operator_kinds,
    measure_operator_noise,
    relative_error,
)
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.tflite.tflite_model import TfliteModel


@pytest.mark.parametrize(
    ("expected", "received", "error"),
    [
        ([0, 2], [0, 2], 0.0),
        # Mean squared error 0.5, variance 1.
        ([0, 2], [0, 3], 0.5),
        # The same in other units.
        ([0, 200], [0, 300], 0.5),
        # Nothing varies: the squared error itself.
        ([3, 3], [3, 5], 2.0),
        ([0, 2], [0, np.nan], np.inf),
        ([0, 2], [0, np.inf], np.inf),
    ],
    ids=["none", "half", "units", "constant", "nan", "infinite"],
)
def test_relative_error_is_squared_error_over_variance(
    expected: list[float], received: list[float], error: float
) -> None:
    assert relative_error([np.array(expected, np.float32)], [np.array(received, np.float32)]) == pytest.approx(error)


def test_outputs_add_up() -> None:
    expected = [np.array([0.0, 2.0]), np.array([0.0, 4.0])]
    received = [np.array([0.0, 3.0]), np.array([0.0, 6.0])]
    assert relative_error(expected, received) == pytest.approx(1.0)


def test_operators_are_named_by_their_outputs(small_cnn_tflite: TfliteModel) -> None:
    kinds = float_operator_kinds(small_cnn_tflite.description)
    assert list(kinds.values()) == ["CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]


def test_one_operator_at_a_time_is_integer(small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray) -> None:
    kinds = float_operator_kinds(small_cnn_tflite.description)
    left_in_float: list[set[str]] = []

    def quantize_with(names: Collection[str]) -> TfliteModel:
        left_in_float.append(set(names))
        return small_cnn_tflite

    done: list[int] = []
    noise = measure_operator_noise(small_cnn_tflite, small_cnn_inputs, quantize_with, progress=done.append)
    assert left_in_float == [set(kinds) - {name} for name in kinds]
    assert done == [1] * len(kinds)
    # Nothing differs, and so they come in the order they run.
    assert [(operator.operator, operator.kind, operator.noise) for operator in noise] == [
        (name, kind, 0.0) for name, kind in kinds.items()
    ]


def test_the_operators_at_a_spoilt_tensor_are_the_noisiest(
    small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray
) -> None:
    samples = [{"picture": small_cnn_inputs[row : row + 1]} for row in range(len(small_cnn_inputs))]
    ranges = calibrate(small_cnn_tflite, samples)
    kinds = list(float_operator_kinds(small_cnn_tflite.description))
    # A thousand times too wide: what the dense layer hands to softmax is all zeros.
    ranges.limits[kinds[3]] = (-1000.0, 1000.0)  # type: ignore[index]
    noise = measure_operator_noise(
        small_cnn_tflite,
        small_cnn_inputs,
        lambda names: partial(quantize, small_cnn_tflite, Mode.INT8, ranges=ranges)(float_operators=names),
    )
    assert {operator.kind for operator in noise[-2:]} == {"FULLY_CONNECTED", "SOFTMAX"}
    assert noise[-3].noise < 0.05 < noise[-2].noise
