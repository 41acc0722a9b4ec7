from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit_runtime.conversion import Decoder, Encoder
from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.quantization import QuantizationParams
from edgekit_runtime.tensor_info import TensorInfo


def info(dtype: Any, scale: float | None = None, zero_point: int = 0) -> TensorInfo:
    quantization = None if scale is None else QuantizationParams(np.array(scale), np.array(zero_point))
    return TensorInfo("x", (-1, 3), np.dtype(dtype), quantization, 0)


@pytest.mark.parametrize(
    ("tensor", "given", "expected"),
    [
        pytest.param(info("float32"), np.array([1, 2], np.float64), np.array([1, 2], np.float32), id="float64"),
        pytest.param(info("int8", 0.5, 1), np.array([0, 1.0]), np.array([1, 3], np.int8), id="quantized"),
        pytest.param(info("int8", 0.5, 1), np.array([5], np.int8), np.array([5], np.int8), id="codes"),
        pytest.param(info("int16", 0.5), np.array([1000.0]), np.array([2000], np.int16), id="int16"),
        pytest.param(info("int32"), np.array([7], np.int64), np.array([7], np.int32), id="indices"),
        pytest.param(info("bool"), np.array([True]), np.array([True]), id="bool"),
    ],
)
def test_encode(tensor: TensorInfo, given: np.ndarray, expected: np.ndarray) -> None:
    encoded = Encoder(tensor)(given)
    assert encoded.dtype == expected.dtype
    assert encoded.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("tensor", "given"),
    [
        pytest.param(info("float32"), np.array([1], np.uint8), id="pixels-to-float"),
        pytest.param(info("int8", 0.5), np.array([1], np.uint8), id="pixels-to-int8"),
        pytest.param(info("int8", 0.5), np.array([np.nan]), id="nan"),
        pytest.param(info("int8"), np.array([1.0]), id="float-to-unquantized-int8"),
        pytest.param(info("uint8"), np.array([-1]), id="negative-to-uint8"),
        pytest.param(info("int32"), np.array([1.5]), id="float-to-indices"),
        pytest.param(info("bool"), np.array([1]), id="integer-to-bool"),
        pytest.param(info("float32"), np.array(["a"]), id="text"),
        pytest.param(info("float32"), np.array([1j]), id="complex"),
    ],
)
def test_encode_refuses(tensor: TensorInfo, given: np.ndarray) -> None:
    with pytest.raises(TensorMismatchError, match="'x'"):
        Encoder(tensor)(given)


@pytest.mark.parametrize(
    ("tensor", "raw", "expected"),
    [
        pytest.param(info("int8", 0.5, -128), np.array([-128, 127], np.int8), [0.0, 127.5], id="int8"),
        pytest.param(info("uint8", 2.0, 1), np.array([0, 255], np.uint8), [-2.0, 508.0], id="uint8"),
        pytest.param(info("int16", 0.25), np.array([-4, 32767], np.int16), [-1.0, 8191.75], id="int16"),
    ],
)
def test_decode_quantized(tensor: TensorInfo, raw: np.ndarray, expected: list[float]) -> None:
    values = Decoder(tensor)(raw)
    assert values.dtype == np.float32
    assert values.tolist() == expected


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
def test_decode_leaves_other_outputs_alone(dtype: str) -> None:
    raw = np.array([1, 2], dtype)
    assert Decoder(info(dtype))(raw) is raw
