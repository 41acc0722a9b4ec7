"""Converts images to a model's input tensor; training, calibration, validation and the device share this code.

All steps except the last use integer arithmetic, and Pillow only decodes files. An image is therefore converted to the
same tensor, bit for bit, on a workstation and on a Pi.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np

from edgekit_runtime.errors import TensorMismatchError, UsageError
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS, decode_image, is_pillow_image, row_blocks
from edgekit_runtime.inputs.resizing import RESIZE_MODES, resize

#: One image: uint8 pixels (H, W) or (H, W, C), the path of a file, the bytes of a file, or a PIL image.
Image = Union[np.ndarray, str, "os.PathLike[str]", bytes, Any]
#: One image or many: an array (N, H, W, C) or (N, H, W), or an iterable of single images.
Images = Union[Image, Iterable[Image]]

#: Layout of an input: (N, H, W, C), or (N, C, H, W) as in PyTorch.
CHANNELS_LAST, CHANNELS_FIRST = "channels_last", "channels_first"

# ITU-R BT.601 luma in 16-bit fixed point; the three weights sum to 65536.
_LUMA = np.array([19595, 38470, 7471], np.uint32)


class _Fields(NamedTuple):
    height: int
    width: int
    channels: int
    scale: float | tuple[float, ...] = 1 / 255
    offset: float | tuple[float, ...] = 0.0
    color_order: str = "rgb"
    resize: str = "stretch"
    layout: str = CHANNELS_LAST


class Preprocessing(_Fields):
    """How an image is converted to a model's input: size, channels, and ``value = pixel * scale + offset``.

    Attributes:
        height: Height of the model's input in pixels.
        width: Width of the model's input in pixels.
        channels: 1 (grey) or 3 (colour).
        scale: Real value of one pixel step, one number for all channels or one per channel in the model's order; the
            default maps pixels 0 to 255 to 0.0 to 1.0.
        offset: Real value of pixel 0, one number for all channels or one per channel.
        color_order: ``rgb``, or ``bgr`` for a model that takes blue first. Images are always passed as ``rgb``.
        resize: How an image of another size is resized, see :func:`edgekit_runtime.inputs.resizing.resize`.
        layout: ``channels_last``, or ``channels_first`` for a model that takes (N, C, H, W). Images are always passed
            with their channels last.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __new__(cls, *values: Any, **named: Any) -> Preprocessing:
            self = super().__new__(cls, *values, **named)
            self._check()
            return self

        def _replace(self, **changes: Any) -> Preprocessing:
            return type(self)(**{**self._asdict(), **changes})

    def _check(self) -> None:
        sizes = (self.height, self.width, self.channels)
        if not all(type(size) is int and size > 0 for size in sizes) or self.channels not in (1, 3):
            raise UsageError(
                "An image input needs a height, a width and 1 or 3 channels.",
                received=f"height {self.height}, width {self.width}, channels {self.channels}",
            )
        for name in ("scale", "offset"):
            value = getattr(self, name)
            numbers = value if isinstance(value, tuple) else (value,)
            if len(numbers) not in (1, self.channels) or not all(
                isinstance(number, (int, float)) and np.isfinite(number) for number in numbers
            ):
                raise UsageError(f"The {name} of pixels must be one number, or one per channel.", received=repr(value))
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(self.values()).all():
                raise UsageError(
                    "The scale and offset of pixels lead to infinite values.",
                    received=f"scale {self.scale!r}, offset {self.offset!r}",
                )
        orders = ("rgb", "bgr") if self.channels == 3 else ("rgb",)
        if self.color_order not in orders or self.resize not in RESIZE_MODES:
            raise UsageError(
                "There is no such colour order or resize mode for this input.",
                expected=f"{' or '.join(orders)}; {', '.join(RESIZE_MODES)}",
                received=f"{self.color_order!r}; {self.resize!r}",
            )
        if self.layout not in (CHANNELS_LAST, CHANNELS_FIRST):
            raise UsageError(
                "There is no such image layout.",
                expected=f"{CHANNELS_LAST} or {CHANNELS_FIRST}",
                received=repr(self.layout),
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in the manifest; omits the default layout, a field that 0.1.0 does not know."""
        fields = self._asdict()
        if self.layout == CHANNELS_LAST:
            del fields["layout"]
        return fields

    def golden_values(self, array: np.ndarray) -> np.ndarray:
        """Convert an input of golden examples to the values of the input: pixels are normalized, the rest is unchanged.

        Args:
            array: Shape (N, ...), uint8 for pixels.
        """
        return self.normalize(array) if array.dtype == np.uint8 else array

    def arranged(self, images: np.ndarray) -> np.ndarray:
        """Convert images (..., H, W, C) to the layout of the model's input; returns the array itself if it is equal."""
        return np.moveaxis(images, -1, -3) if self.layout == CHANNELS_FIRST and images.ndim > 2 else images

    def as_images(self, values: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`arranged`: convert the model's input to (..., H, W, C)."""
        return np.moveaxis(values, -3, -1) if self.layout == CHANNELS_FIRST and values.ndim > 2 else values

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Preprocessing:
        """Read the result of :meth:`to_dict` from JSON, without trusting it.

        Raises:
            UsageError: A field is unknown, or a value is invalid.
        """
        try:
            known: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
            return cls(**known)
        except TypeError as error:
            raise UsageError("These are not the fields of a preprocessing.", received=str(error)) from error

    def __call__(self, images: Images) -> np.ndarray:
        """Convert one image or many to the model's input.

        Args:
            images: See :meth:`pixels`.
        Returns:
            float32 of shape (N, height, width, channels) or (N, channels, height, width), depending on ``layout``.
        Raises:
            DataError: A file is missing or is not an image, or Pillow is needed but not installed.
            TensorMismatchError: An array is not uint8 or does not have the shape of an image.
        """
        return self.normalize(self.pixels(images))

    def pixels(self, images: Images, *, max_pixels: int = MAX_IMAGE_PIXELS) -> np.ndarray:
        """Resize one image or many to the model's size and convert them to its channels.

        Colour is converted to grey by the BT.601 luma, and grey to colour by repetition. Transparent parts are
        blended over white, and a photo is rotated as its EXIF tag says, so that the model sees what a viewer shows.

        Args:
            images: One image: uint8 array (H, W) or (H, W, C), path, encoded bytes or PIL image.
                Many: uint8 array (N, H, W) or (N, H, W, C), or an iterable of single images.
            max_pixels: Largest number of pixels of a file, of encoded bytes or of a PIL image; checked before the image
                is decoded.
        Returns:
            uint8 of shape (N, height, width, channels); the caller's own array if nothing had to change.
        Raises:
            DataError: A file is missing, not a regular file, not an image or too large, or Pillow is needed but not
                installed.
            TensorMismatchError: An array is not uint8 or does not have the shape of an image.
        """
        if isinstance(images, np.ndarray):
            return self._fit(_as_nhwc(images))
        if _is_single(images):
            return self._fit(_as_nhwc(_decode(images, max_pixels)))
        if not isinstance(images, Iterable):
            raise TensorMismatchError(
                "This is not an image.",
                expected="a uint8 array, a path, encoded bytes, a PIL image, or a list of these",
                received=type(images).__name__,
            )
        fitted = [self._fit(_as_nhwc(_decode(image, max_pixels))) for image in images]
        if not fitted:
            return np.empty((0, self.height, self.width, self.channels), np.uint8)
        return np.concatenate(fitted)

    def normalize(self, pixels: np.ndarray) -> np.ndarray:
        """Map pixels to the values the model was trained on, in its colour order.

        Args:
            pixels: uint8 of any shape; if scale or offset differ between channels, the last axis is the channels.
        Returns:
            float32 of the same shape, or in the model's ``layout``: one of the 256 numbers of :meth:`values` for each
            pixel.
        """
        values = self.values()
        if self.layout == CHANNELS_FIRST:
            return np.ascontiguousarray(self.arranged(self._replace(layout=CHANNELS_LAST).normalize(pixels)))
        if pixels.ndim < 2:
            return self.look_up(pixels, values)
        normalized = np.empty(pixels.shape, np.float32)
        # numpy widens each index to 8 bytes. Row by row, this never happens to a whole dataset at once.
        for row, row_pixels in zip(normalized, pixels):
            row[...] = self.look_up(row_pixels, values)
        return normalized

    def values(self) -> np.ndarray:
        """The real value of each pixel 0 to 255: float32 (256,), or (channels, 256) if the channels differ."""
        # float64 until the final rounding: 1/255 then yields exactly the bits of ``pixels.astype("float32") / 255``.
        scale, offset = (np.asarray(part, np.float64)[..., np.newaxis] for part in (self.scale, self.offset))
        values = (np.arange(256) * scale + offset).astype(np.float32)
        return values[0] if len(values) == 1 else values

    @property
    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest value of any pixel in any channel."""
        values = self.values()
        return float(values.min()), float(values.max())

    def look_up(self, pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
        """Look up each pixel in a table with the format of :meth:`values`, in the model's colour order."""
        if self.color_order == "bgr":
            pixels = pixels[..., ::-1]
        if table.ndim == 1:
            return table.take(pixels)
        return np.stack([column.take(pixels[..., channel]) for channel, column in enumerate(table)], axis=-1)

    def _fit(self, images: np.ndarray) -> np.ndarray:
        """Resize uint8 (N, H, W, C) to the model's size and convert it to the model's channels."""
        images = _with_channels(images, self.channels)
        # Resizing always works on the smaller number of channels: after the conversion to grey, before that to colour.
        images = resize(images, self.height, self.width, self.resize)
        if images.shape[3] < self.channels:
            images = np.repeat(images, self.channels, axis=3)
        return images


def single_image(image: Image, max_pixels: int) -> np.ndarray:
    """One image as uint8 (1, H, W, C) of its own size.

    Args:
        image: Path, encoded bytes, PIL image, or uint8 array (H, W) or (H, W, C).
        max_pixels: Largest number of pixels of a file, of encoded bytes or of a PIL image.
    Raises:
        DataError: A file is missing, not an image or too large, or Pillow is needed but not installed.
        TensorMismatchError: It is not one image.
    """
    pixels = _as_nhwc(image if isinstance(image, np.ndarray) else _decode(image, max_pixels))
    if len(pixels) != 1:
        raise TensorMismatchError(
            "These are several images.",
            expected="one image: a uint8 array (H, W) or (H, W, C), a path, encoded bytes or a PIL image",
            received=f"shape {pixels.shape}",
            next_step="pass the images one after the other",
        )
    return pixels


def _is_single(image: Images) -> bool:
    return isinstance(image, (str, bytes, bytearray, memoryview, os.PathLike)) or is_pillow_image(image)


def _as_nhwc(array: np.ndarray) -> np.ndarray:
    """Return a view of an array of one or many images with the shape (N, H, W, C)."""
    if array.dtype != np.uint8:
        raise TensorMismatchError(
            "Pixels must be uint8.",
            expected="a uint8 array, values 0 to 255",
            received=f"{array.dtype} of shape {array.shape}",
            next_step="scale the values to 0…255 and convert with .astype('uint8')",
        )
    if array.size == 0 and array.ndim == 4 and array.shape[0] == 0 and 0 not in array.shape[1:]:
        return array
    if array.size > 0:
        if array.ndim == 2:
            return array[np.newaxis, :, :, np.newaxis]
        if array.ndim == 3:
            # (H, W, C) if the last axis can be channels, else a batch of grey images (N, H, W).
            return array[np.newaxis] if array.shape[2] <= 4 else array[..., np.newaxis]
        if array.ndim == 4 and array.shape[3] <= 4:
            return array
    raise TensorMismatchError(
        "This array does not have the shape of an image.",
        expected="(H, W), (H, W, C), (N, H, W) or (N, H, W, C) with 1 to 4 channels",
        received=f"shape {array.shape}",
    )


def _decode(image: Image, max_pixels: int) -> np.ndarray:
    """Decode one image to a uint8 array (H, W) or (H, W, C)."""
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise TensorMismatchError(
                "Each element of a list must be one image.",
                expected="shape (H, W) or (H, W, C)",
                received=f"shape {image.shape}",
                next_step="pass the array (N, H, W, C) itself",
            )
        return image
    if not _is_single(image):
        raise TensorMismatchError(
            "This is not an image.",
            expected="a uint8 array, a path, encoded bytes or a PIL image",
            received=type(image).__name__,
        )
    return decode_image(image, max_pixels)


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Blend uint8 (N, H, W, C) with alpha over white, and convert colour to grey for a model with one channel."""
    opaque = images.shape[3] - (images.shape[3] in (2, 4))
    wanted = min(opaque, channels)
    if wanted == images.shape[3]:
        return images
    converted = np.empty((*images.shape[:3], wanted), np.uint8)
    # The arithmetic needs 30 bytes per pixel, so it works on one block of rows at a time, across all images.
    for rows in row_blocks(images.shape[1], images.shape[2] * len(images)):
        block = blend_over_white(images[:, rows])
        converted[:, rows] = _grey(block) if wanted < opaque else block
    return converted


def blend_over_white(images: np.ndarray) -> np.ndarray:
    """Blend grey + alpha (2 channels) or colour + alpha (4 channels) over white.

    Args:
        images: uint8 (N, H, W, C).
    Returns:
        uint8 (N, H, W, 1 or 3); images without alpha unchanged.
    """
    if images.shape[3] not in (2, 4):
        return images
    colour = images[..., :-1].astype(np.uint32)
    alpha = images[..., -1:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _grey(images: np.ndarray) -> np.ndarray:
    red, green, blue = (images[..., channel].astype(np.uint32) * _LUMA[channel] for channel in range(3))
    return ((red + green + blue + 32768) >> 16).astype(np.uint8)[..., np.newaxis]
