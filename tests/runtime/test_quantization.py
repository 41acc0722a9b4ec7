from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.quantization import QuantizationParams, dequantize, quantize

HALF = QuantizationParams(np.array(0.5), np.array(3))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(0.0, 3, id="zero-is-the-zero-point"),
        pytest.param(1.0, 5, id="two-steps-up"),
        pytest.param(-2.0, -1, id="four-steps-down"),
        pytest.param(0.25, 3, id="half-a-step-to-even-below"),
        pytest.param(0.75, 5, id="half-a-step-to-even-above"),
        pytest.param(-0.25, 3, id="half-a-step-down-to-even"),
        pytest.param(1000.0, 127, id="saturates-above"),
        pytest.param(-1000.0, -128, id="saturates-below"),
        pytest.param(np.inf, 127, id="infinity"),
        pytest.param(-np.inf, -128, id="minus-infinity"),
        pytest.param(3e38, 127, id="overflow"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_quantize_int8(value: float, code: int) -> None:
    codes = quantize(np.array([value], np.float32), HALF, np.int8)
    assert codes.dtype == np.int8
    assert codes.tolist() == [code]


@pytest.mark.parametrize(
    ("dtype", "codes"), [(np.uint8, [0, 3, 255]), (np.int8, [-128, 3, 127]), (np.int16, [-1997, 3, 2003])], ids=str
)
def test_quantize_saturates_to_the_dtype(dtype: type, codes: list[int]) -> None:
    assert quantize(np.array([-1000.0, 0.0, 1000.0]), HALF, dtype).tolist() == codes


def test_the_fast_path_and_the_saturating_one_agree() -> None:
    values = np.random.default_rng(5).normal(size=1000).astype(np.float32) * 20
    inside = quantize(values, HALF, np.int8)
    with_outlier = quantize(np.append(values, 1e9).astype(np.float32), HALF, np.int8)
    assert np.array_equal(inside, with_outlier[:-1])


def test_nan_is_refused() -> None:
    with pytest.raises(TensorMismatchError, match="NaN"):
        quantize(np.array([0.0, np.nan, 1.0], np.float32), HALF, np.int8)


def test_empty() -> None:
    assert quantize(np.empty((0, 4), np.float32), HALF, np.int8).shape == (0, 4)


def test_only_8_and_16_bits() -> None:
    with pytest.raises(TensorMismatchError, match="8 and 16 bits"):
        quantize(np.zeros(1), HALF, np.int32)


def test_dequantize_widens_first() -> None:
    params = QuantizationParams(np.array(0.25), np.array(-128))
    values = dequantize(np.array([-128, 0, 127], np.int8), params)
    assert values.dtype == np.float32
    assert values.tolist() == [0.0, 32.0, 63.75]


def test_per_channel() -> None:
    params = QuantizationParams(np.array([1.0, 0.5]), np.array([0, 10]), quantized_dimension=1)
    assert params.per_channel
    values = np.array([[2.0, 2.0], [-3.0, 100.0]], np.float32)
    codes = quantize(values, params, np.int8)
    assert codes.tolist() == [[2, 14], [-3, 127]]
    assert dequantize(codes, params).tolist() == [[2.0, 2.0], [-3.0, 58.5]]


@pytest.mark.parametrize("shape", [(2, 3), (2,), ()], ids=str)
def test_wrong_channels(shape: tuple[int, ...]) -> None:
    params = QuantizationParams(np.array([1.0, 0.5]), np.array([0, 0]), quantized_dimension=1)
    with pytest.raises(TensorMismatchError, match="channels"):
        dequantize(np.zeros(shape, np.int8), params)


def test_scale_and_zero_point_must_fit() -> None:
    with pytest.raises(TensorMismatchError):
        QuantizationParams(np.array([1.0, 2.0]), np.array(0))


def test_against_the_interpreters_own_quantize_operator(tflite_folder: Path) -> None:
    # Float input, int8 inside with scale 1/16 and zero point 0, float output: the output shows the codes.
    model = edgekit_runtime.load(tflite_folder / "quantize_only.tflite")
    params = QuantizationParams(np.array(1 / 16), np.array(0))
    values = np.random.default_rng(6).uniform(-9, 9, (100, 16)).astype(np.float32)
    ours = dequantize(quantize(values, params, np.int8), params)
    assert np.array_equal(np.asarray(model.predict(values)).reshape(100, 16), ours)


def test_ties_against_the_interpreters_own(tflite_folder: Path) -> None:
    model = edgekit_runtime.load(tflite_folder / "quantize_only.tflite")
    steps = np.arange(-8, 8, dtype=np.float32) + np.float32(0.5)
    theirs = (np.asarray(model.predict(steps / 16)) * 16).ravel()
    ours = quantize(steps / 16, QuantizationParams(np.array(1 / 16), np.array(0)), np.int8)
    # The C library rounds this way in XNNPACK, which that for 32-bit ARM does not have.
    has_xnnpack = model.interpreter == "tflite-c" and platform.machine() != "armv7l"
    if model.interpreter == "litert" or has_xnnpack or model.interpreter_version == "2.12.0":
        assert np.array_equal(theirs, ours)
    else:
        # Rounding half away from zero: every second tie differs, by only one code.
        assert np.array_equal(theirs, np.trunc(steps + np.copysign(0.5, steps)))
        assert np.abs(theirs - ours).max() == 1
