"""Reads folders of images with one sub-folder per class."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from edgekit.datasets.model_inputs import preprocessing_by_name
from edgekit.datasets.readers.folders import Listing
from edgekit.datasets.source import Source
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.inputs.image_decoding import FORMATS
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.regular_file import open_regular_file

_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "F"})
#: Photos are reduced to this size unless a model needs more: it suffices for a small CNN, and a dataset fits in memory.
_LARGEST_SIDE = 128


def image_folder_source(listing: Listing, model_input: ModelInput) -> Source:
    """A source of images that are decoded on request and resized to the model's input.

    Args:
        listing: Files of the images.
        model_input: Image input; its open sizes are set to those of the first file, reduced if they are large.
    Raises:
        DataError: The input is not an image, or the first file cannot be read.
    """
    if model_input.pixels is None:
        raise DataError(
            f"The model's input {model_input.name} does not take images.",
            expected="an input (N, height, width, 1 or 3)",
            received=f"{model_input.shape}",
            next_step="pass what the model takes as .npy files, an .npz, a table, or python:module:function, or declare"
            f" it as an image: --input {model_input.name}=image",
        )
    preprocessing = preprocessing_by_name([model_input]).get(model_input.name)
    if preprocessing is not None:
        return image_source(listing, preprocessing)
    height, width, channels = model_input.shape[1:] if len(model_input.shape) == 4 else (-1, -1, -1)
    size = None if -1 in (height, width) else (height, width)
    return image_source(listing, first_image(listing.files[0], size, channels if channels in (1, 3) else None))


def image_source(listing: Listing, preprocessing: Preprocessing) -> Source:
    """A source of images that are decoded on request, as uint8 (N, H, W, C) of the preprocessing's size."""
    return listing.source(lambda path: preprocessing.pixels(path)[0])


def first_image(first: Path, image_size: tuple[int, int] | None, channels: int | None) -> Preprocessing:
    """Choose the size and channels of all images from the first one, unless they are given.

    Args:
        first: First image.
        image_size: Height and width to resize every image to; None uses the size of the first image, reduced if it is
            large.
        channels: 1 or 3; None uses 1 if the first image is grayscale, otherwise 3.
    Raises:
        DataError: The file is not a readable image.
    """
    try:
        with open_regular_file(first) as file, Image.open(file, formats=FORMATS) as image:
            width, height = ImageOps.exif_transpose(image).size
            grey = image.mode in _GREY_MODES
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{first} is not a readable image.", received=str(error)) from error
    if image_size is None:
        shrink = min(1.0, _LARGEST_SIDE / max(height, width))
        image_size = max(1, round(height * shrink)), max(1, round(width * shrink))
    return Preprocessing(*image_size, channels or (1 if grey else 3))
