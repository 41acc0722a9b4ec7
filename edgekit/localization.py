"""Finds boxes and masks in images from files, folders, patterns or standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgekit.prediction import STANDARD_INPUT
from edgekit.progress import tracked
from edgekit_runtime.boxes.detection import Detection
from edgekit_runtime.errors import DataError
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS
from edgekit_runtime.inputs.preprocessing import single_image
from edgekit_runtime.model import Model
from edgekit_runtime.segmentation import Segmentation

#: What a model found in one image.
Found = list[Detection] | Segmentation
#: Finds something in an image, uint8 (1, H, W, C).
Find = Callable[[np.ndarray], Found]


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """Options of a detection; None for the default of ``edgekit_runtime.Model.detect``.

    Attributes:
        score_threshold: Smallest score of a detection.
        iou_threshold: Largest overlap of two detections of one class.
        max_detections: Largest number of detections in an image.
    """

    score_threshold: float | None = None
    iou_threshold: float | None = None
    max_detections: int | None = None

    def given(self) -> dict[str, Any]:
        """The options that the user passed."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Localizations:
    """What was found in each image.

    Attributes:
        boxes: Detections by image, in the order of the images; empty for a model of masks.
        areas: Number of pixels of each class by image, the largest first; empty for a detector.
        sizes: Height and width of each image.
        unreadable: Error by image, for images that could not be read.
    """

    boxes: dict[str, tuple[Detection, ...]] = field(default_factory=dict)
    areas: dict[str, dict[str, int]] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    unreadable: dict[str, DataError] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0, or the exit code of an error if an image could not be read."""
        return DataError.exit_code if self.unreadable else 0

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        results: list[dict[str, Any]] = []
        for image, (height, width) in self.sizes.items():
            found: dict[str, Any] = {"image": image, "height": height, "width": width}
            if image in self.boxes:
                found["detections"] = [each.to_dict() for each in self.boxes[image]]
            else:
                found["areas"] = self.areas[image]
            results.append(found)
        return {
            "results": results,
            "unreadable": [{"image": image, **error.to_dict()} for image, error in self.unreadable.items()],
        }


def finder(model: Model, options: DetectionOptions) -> Find | None:
    """How a model finds boxes or a mask in an image; None if it finds neither."""
    if model.detects_boxes:
        return lambda pixels: model.detect(pixels[0], **options.given())
    if model.finds_masks:
        return lambda pixels: model.segment(pixels[0])
    return None


def localize(
    find: Find, images: list[str], draw: Callable[[str, np.ndarray, Found], None] | None = None
) -> Localizations:
    """Find boxes or masks in each image, and continue after an image that cannot be read.

    Args:
        find: Finds them in one image.
        images: Paths of files, or ``-`` for the bytes of an image on standard input.
        draw: Called with the image's name, its pixels, uint8 (1, H, W, C), and what was found.
    Raises:
        DataError: The only image cannot be read.
        EdgekitError: The model cannot be run.
    """
    result = Localizations()
    for image in tracked(images, "Finding", total=len(images)):
        source = sys.stdin.buffer.read() if image == STANDARD_INPUT else image
        try:
            pixels = single_image(source, MAX_IMAGE_PIXELS)
        except DataError as error:
            if len(images) == 1:
                raise
            result.unreadable[image] = error
            continue
        found = find(pixels)
        height, width = pixels.shape[1:3]
        result.sizes[image] = height, width
        if isinstance(found, Segmentation):
            result.areas[image] = found.areas()
        else:
            result.boxes[image] = tuple(found)
        if draw is not None:
            draw(image, pixels, found)
    return result
