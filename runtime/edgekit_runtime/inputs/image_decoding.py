"""Decodes image files, encoded bytes and PIL images to pixels, in bounded memory and without trusting them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekit_runtime.errors import DataError
from edgekit_runtime.regular_file import NotARegularFileError, open_regular_file

#: Default limit on the size stated in the file's header: a file of a few kilobytes may decompress to gigabytes.
MAX_IMAGE_PIXELS = 32_000_000
#: Pillow reads many more formats, but the decoder of one of them, EPS, is a program that runs code in the file.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")
#: Bytes 4 to 11 of a HEIF file. Phones write this format, and Pillow does not have a decoder for it.
_HEIF = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"))
# Approximate number of pixels in a block of rows; converting block by block keeps the temporary memory small.
_BLOCK_PIXELS = 1 << 16
_EXIF_ORIENTATION, _UPRIGHT = 0x0112, 1


def is_pillow_image(image: Any) -> bool:
    """Whether ``image`` is a PIL image."""
    # A caller with a PIL image has already imported Pillow; looking it up here avoids importing it in this module.
    # While another thread imports it, the module is there without its class.
    kind = getattr(sys.modules.get("PIL.Image"), "Image", None)
    return kind is not None and isinstance(image, kind)


def decode_image(image: Any, max_pixels: int) -> np.ndarray:
    """Decode one image.

    Args:
        image: A path, encoded bytes, or a PIL image.
        max_pixels: Largest number of pixels that the image may have.
    Returns:
        uint8 (H, W) or (H, W, C) with 1 to 4 channels, rotated as its EXIF tag says. In addition to the image that
        Pillow decodes, at most 8 bytes per pixel are needed.
    Raises:
        DataError: The image is missing, not a regular file, not an image, or too large, or Pillow is needed but not
            installed.
    """
    if is_pillow_image(image):
        return _read_pixels(image, max_pixels, "the image")
    try:
        from PIL import Image as pillow
    except ImportError:
        raise DataError(
            "Reading image files needs Pillow, which is not installed.",
            next_step="pip install 'edgekit-runtime[images]', or pass the pixels as a uint8 array",
        ) from None
    in_memory = isinstance(image, (bytes, bytearray, memoryview))
    name = "the image's bytes" if in_memory else os.fspath(image)
    try:
        source = io.BytesIO(image) if in_memory else open_regular_file(image)
    except FileNotFoundError:
        raise DataError(f"{name} does not exist.", next_step="check the path") from None
    except NotARegularFileError as error:
        raise DataError(f"{name} is {error.strerror}, not an image.", next_step="pass image files") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{name} cannot be read as an image file.", received=_reason(error)) from error
    with source:
        is_heif = source.read(12)[4:] in _HEIF
        source.seek(0)
        try:
            with pillow.open(source, formats=FORMATS) as opened:
                return _read_pixels(opened, max_pixels, name)
        except DataError:
            raise
        # The warning is raised if warnings are turned into errors.
        except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
            raise _too_large(name, str(error), max_pixels) from error
        # Pillow's decoders raise many kinds of exceptions for damaged files.
        except Exception as error:
            raise DataError(
                f"{name} is not an image that Pillow can read.",
                expected="a whole PNG, JPEG, BMP, GIF, TIFF, WebP or PPM file",
                received=_contents(error, is_heif),
                next_step="save it as JPEG first, or open it with pillow-heif and pass the PIL image"
                if is_heif
                else "save it again as PNG or JPEG, or leave it out",
            ) from error


def _contents(error: Exception, is_heif: bool) -> str:
    if is_heif:
        return "a HEIC image"
    # Pillow's message for unknown formats contains the repr of a Python object.
    is_unknown = type(error).__name__ == "UnidentifiedImageError"
    return "a file of another kind" if is_unknown else str(error) or type(error).__name__


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield slices of an image's rows, of about 65,536 pixels each; always at least one slice."""
    size = max(1, _BLOCK_PIXELS // max(columns, 1))
    for start in range(0, max(rows, 1), size):
        yield slice(start, min(start + size, rows))


def _read_pixels(image: Any, max_pixels: int, name: str) -> np.ndarray:
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(name, f"{width} × {height}, {width * height:,} pixels", max_pixels)
    upright = _upright(image)
    width, height = upright.size
    pixels = None
    for rows in row_blocks(height, width):
        block = _block_pixels(upright.crop((0, rows.start, width, rows.stop)))
        if pixels is None:
            pixels = np.empty((height, *block.shape[1:]), np.uint8)
        pixels[rows] = block
    assert pixels is not None
    return pixels


def _upright(image: Any) -> Any:
    # exif_transpose() would copy the image even if it is upright.
    if image.getexif().get(_EXIF_ORIENTATION, _UPRIGHT) == _UPRIGHT:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _block_pixels(block: Any) -> np.ndarray:
    if block.mode.startswith("I;16") or block.mode == "I":
        # Pillow's conversion to 8 bits clips at 255, which would turn a 16-bit image white.
        return (np.asarray(block).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    if block.mode in ("L", "LA", "RGB", "RGBA"):
        return np.asarray(block)
    has_transparency = "A" in block.getbands() or "a" in block.getbands() or "transparency" in block.info
    if has_transparency:
        return np.asarray(block.convert("RGBA"))
    return np.asarray(block.convert("L" if block.mode in ("1", "F") else "RGB"))


def _too_large(name: str, received: str, max_pixels: int) -> DataError:
    return DataError(
        f"{name} has too many pixels.",
        expected=f"at most {max_pixels:,}",
        received=received,
        next_step="make it smaller first, or raise max_image_pixels of edgekit_runtime.load()",
    )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
