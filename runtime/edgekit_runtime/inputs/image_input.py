"""Converts images to the input of a model."""

from __future__ import annotations

import numpy as np

from edgekit_runtime.conversion import Encoder
from edgekit_runtime.errors import ModelFileError, TensorMismatchError
from edgekit_runtime.inputs.preprocessing import CHANNELS_FIRST, CHANNELS_LAST, Images, Preprocessing
from edgekit_runtime.tensor_info import TensorInfo
from edgekit_runtime.tflite.description import ModelDescription


class ImageInput:
    """Converts pixels to the input of a model that classifies images."""

    def __init__(self, preprocessing: Preprocessing, info: TensorInfo, max_pixels: int) -> None:
        self.preprocessing = preprocessing
        self._max_pixels = max_pixels
        values = preprocessing.values()
        # A pixel has only 256 values, so all arithmetic, including quantization, is done once, here.
        table = values if info.dtype.kind == "f" else Encoder(info)(values)
        as_they_are = preprocessing.color_order == "rgb" and table.tobytes() == bytes(range(256))
        self._table = None if as_they_are else table
        self._sample_shape = info.shape[1:]
        self._is_transposed = preprocessing.layout != CHANNELS_LAST
        height, width, channels = self._image_shape = (
            preprocessing.height,
            preprocessing.width,
            preprocessing.channels,
        )
        # One image of the model's size does not need resizing; it is the most frequent call on a device.
        self._native_shapes = {(height, width, channels), (1, height, width, channels)}
        if channels == 1:
            self._native_shapes.add((height, width))

    def pixels(self, images: Images) -> np.ndarray:
        """Convert images to uint8 arrays of the shape of the model's input, N first."""
        if isinstance(images, np.ndarray) and images.shape in self._native_shapes and images.dtype == np.uint8:
            pixels = images.reshape(1, *self._image_shape)
        else:
            pixels = self.preprocessing.pixels(images, max_pixels=self._max_pixels)
        if self._is_transposed:
            return np.ascontiguousarray(self.preprocessing.arranged(pixels))
        return pixels.reshape(len(pixels), *self._sample_shape)

    def require_range(self, values: np.ndarray) -> None:
        """Raise an error if floats are clearly not preprocessed, for example because they are still pixels."""
        low, high = self.preprocessing.value_range
        slack = (high - low) / 2
        if values.size and not (low - slack <= values.min() and values.max() <= high + slack):
            raise TensorMismatchError(
                "A float array must already be preprocessed for the model, and this one is not.",
                expected=f"values from {low:g} to {high:g}",
                received=f"values from {values.min():g} to {values.max():g}",
                next_step="pass pixels 0 to 255 as uint8",
            )

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Convert pixels to the dtype of the model's input."""
        # A uint8 input with the scale 1/255 takes pixels unchanged.
        if self._table is None:
            return pixels
        if self._is_transposed:
            codes = self.preprocessing.look_up(self.preprocessing.as_images(pixels), self._table)
            return np.ascontiguousarray(self.preprocessing.arranged(codes))
        return self.preprocessing.look_up(pixels, self._table)


def image_preprocessing(
    description: ModelDescription,
    info: TensorInfo,
    packed: Preprocessing | None,
    pixel_range: tuple[float, float] | None,
) -> Preprocessing | None:
    """Find how images are converted to a model's only input; ``None`` if its shape or type is not that of an image.

    If no preprocessing is packed, the pixel range is inferred from the quantization of the input.
    """
    shape = info.shape if len(info.shape) == 4 else (*info.shape, 1)
    layout = _layout(shape) if packed is None else packed.layout
    if layout != CHANNELS_LAST:
        batch, channels, height, width = shape if len(shape) == 4 else (0, 0, 0, 0)
        shape = (batch, height, width, channels)
    if len(shape) != 4 or min(shape[1:]) < 1 or shape[3] not in (1, 3):
        return None
    if info.dtype != np.float32 and info.quantization is None:
        return None
    preprocessing = packed or Preprocessing(*shape[1:], layout=layout)
    if (preprocessing.height, preprocessing.width, preprocessing.channels) != shape[1:]:
        raise ModelFileError(
            "The preprocessing packed into the model is for another size of image.",
            expected=f"{shape[1:]}",
            received=f"{(preprocessing.height, preprocessing.width, preprocessing.channels)}",
            next_step="convert the model again",
        )
    if packed is None and pixel_range is None:
        pixel_range = _calibrated_range(description)
    if pixel_range is not None:
        low, high = pixel_range
        preprocessing = preprocessing._replace(scale=(high - low) / 255, offset=float(low))
    return preprocessing


def _layout(shape: tuple[int, ...]) -> str:
    """Guess the layout of an image input: channels last, unless only the first axis can be the channels."""
    is_first = len(shape) == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3)
    return CHANNELS_FIRST if is_first else CHANNELS_LAST


def _calibrated_range(description: ModelDescription) -> tuple[float, float] | None:
    """The range of real values of an 8-bit input; ``None`` if the input is not quantized immediately."""
    tensors = description.subgraphs[0].tensors
    tensor = description.inputs[0]
    for operator in description.operators:
        if operator.name == "QUANTIZE" and operator.inputs[0] == tensor.index:
            tensor = tensors[operator.outputs[0]]
            break
    if tensor.dtype not in ("int8", "uint8") or len(tensor.scales) != 1:
        return None
    limits = np.iinfo(tensor.dtype)
    low, high = (float((code - tensor.zero_points[0]) * tensor.scales[0]) for code in (limits.min, limits.max))
    # Calibration data rarely covers the range exactly.
    for usual in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        width = usual[1] - usual[0]
        if abs(low - usual[0]) < 0.1 * width and abs(high - usual[1]) < 0.25 * width:
            return usual
    return low, high
