"""Converts between callers' arrays and a model's tensors: dtypes, quantization, and the checks of both."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np

from edgekit_runtime.errors import TensorMismatchError
from edgekit_runtime.quantization import Quantizer, dequantize
from edgekit_runtime.tensor_info import TensorInfo

_FLOAT32 = np.dtype(np.float32)


class Encoder:
    """Converts an array of the right shape to the dtype of one input."""

    def __init__(self, info: TensorInfo) -> None:
        self._info = info
        self._dtype = info.dtype
        self._is_float = info.dtype.kind == "f"
        self._quantizer = None
        if info.quantization is not None and info.dtype.kind in "iu":
            self._quantizer = Quantizer(info.quantization, info.dtype, info.shape)

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Convert an array to the input's dtype: unchanged, quantized, or cast if no information is lost.

        Raises:
            TensorMismatchError: The array contains NaN, or its dtype shows that its values mean something else.
        """
        if self._is_float:
            return self._floats(array)
        if array.dtype == self._dtype:
            return array
        if self._quantizer is not None and array.dtype.kind == "f":
            values = self._converted(array, _FLOAT32)
            try:
                return self._quantizer(values)
            except TensorMismatchError as error:
                raise self._nan() from error
        if self._quantizer is None and array.dtype.kind in "iu" and self._dtype.kind in "iu":
            return self._integers(array)
        raise self._wrong_dtype(array)

    def _floats(self, array: np.ndarray) -> np.ndarray:
        if array.dtype != self._dtype:
            if array.dtype.kind != "f":
                raise self._wrong_dtype(array)
            array = self._converted(array, self._dtype)
        # Max-pooling and ReLU would silently discard a NaN. argmax finds it, and takes a hundredth of an invoke.
        if array.size and isnan(array.item(array.argmax())):
            raise self._nan()
        return array

    def _converted(self, array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Cast floats to another float dtype; infinity is kept, and finite values may not become infinite."""
        if array.dtype == dtype:
            return array
        with np.errstate(over="ignore"):
            converted = array.astype(dtype)
        if (np.isinf(converted) & ~np.isinf(array)).any():
            raise TensorMismatchError(
                f"The values for input {self._info.name!r} are too large for {dtype}.",
                expected=f"at most {np.finfo(dtype).max:.3g}",
                received=f"{array.min():.3g} to {array.max():.3g}",
            )
        return converted

    def _integers(self, array: np.ndarray) -> np.ndarray:
        limits = np.iinfo(self._dtype)
        if array.size and (array.min() < limits.min or array.max() > limits.max):
            raise TensorMismatchError(
                f"The integers for input {self._info.name!r} are out of range.",
                expected=f"{self._dtype} values, {limits.min} to {limits.max}",
                received=f"{array.min()} to {array.max()}",
            )
        return array.astype(self._dtype)

    def _nan(self) -> TensorMismatchError:
        return TensorMismatchError(
            f"The values for input {self._info.name!r} contain NaN.",
            expected="numbers",
            next_step="find the source of the NaN; predictions for NaN are meaningless",
        )

    def _wrong_dtype(self, array: np.ndarray) -> TensorMismatchError:
        if self._is_float or self._quantizer is not None:
            expected = f"{'' if self._is_float else f'{self._dtype} codes or '}float values as in training"
        else:
            expected = f"{self._dtype}"
        return TensorMismatchError(
            f"Input {self._info.name!r} does not take {array.dtype}.",
            expected=expected,
            received=f"{array.dtype} of shape {array.shape}",
            next_step="pass images and pixels to classify(), which scales them" if array.dtype.kind in "iu" else "",
        )


class Decoder:
    """Converts the values of one output to real values."""

    def __init__(self, info: TensorInfo) -> None:
        self._quantization = info.quantization if info.dtype.kind in "iu" else None
        self._table = None
        if self._quantization is not None and info.dtype.itemsize == 1:
            # There are only 256 codes: one table look-up replaces three arithmetic operations.
            codes: np.ndarray[Any, Any] = np.arange(256, dtype=np.uint8).view(info.dtype)
            self._table = dequantize(codes, self._quantization)

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Return float32 real values if the output is quantized, else the array itself."""
        if self._table is not None:
            return self._table.take(array.view(np.uint8))
        if self._quantization is not None:
            return dequantize(array, self._quantization)
        return array
