"""Finds objects in images of any size with one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.boxes.decoding import BoxDecoding
from edgekit_runtime.boxes.detection import Box, Detection
from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.image_input import ImageInput
from edgekit_runtime.inputs.resizing import Placement, placement

#: More boxes than any image has; a mistyped number could otherwise take minutes.
_MOST_DETECTIONS = 10_000


class Detector:
    """Turns the outputs of a model into boxes in the pixels of the image.

    Args:
        decoding: How outputs become boxes.
        image: How images are converted to the model's input.
        labels: Names of the classes; empty for the class numbers.
        read_part: Returns the content of a packed part; empty if there is no such part.
    """

    def __init__(
        self,
        decoding: BoxDecoding,
        image: ImageInput,
        labels: tuple[str, ...],
        read_part: Callable[[str], bytes],
    ) -> None:
        self.image = image
        self._labels = labels
        self._size = image.preprocessing.height, image.preprocessing.width
        self.decoder = BoxDecoder.of(decoding, self._size, read_part)

    def find(
        self,
        outputs: Mapping[str, np.ndarray],
        image_size: tuple[int, int],
        *,
        score_threshold: float,
        iou_threshold: float,
        max_detections: int,
    ) -> list[Detection]:
        """Decode the outputs for one image.

        Args:
            outputs: Real values of each output by name, without the batch axis.
            image_size: Height and width of the image in pixels.
            score_threshold: Smallest score of a detection.
            iou_threshold: Largest overlap of two detections of one class.
            max_detections: Largest number of detections.
        Returns:
            The detections, the highest score first.
        """
        candidates = self.decoder.candidates(outputs)
        if self._labels and candidates.class_count not in (0, len(self._labels)):
            raise UsageError(
                "The labels do not match the model.",
                expected=f"{candidates.class_count} labels, one per class without the background",
                received=f"{len(self._labels)} labels",
            )
        place = placement(*image_size, *self._size, self.image.preprocessing.resize)
        boxes = to_image(candidates.boxes, place)
        # A box in the border around the image has no area in the image.
        with np.errstate(invalid="ignore"):
            is_outside = ~(boxes[:, 2:] > boxes[:, :2]).all(1)
        chosen = self.decoder.chosen(
            candidates._replace(scores=np.where(is_outside, np.nan, candidates.scores)),
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        )
        return [
            Detection(self._label(index), index, score, Box(*box))
            for index, score, box in zip(
                candidates.classes[chosen].tolist(), candidates.scores[chosen].tolist(), boxes[chosen].tolist()
            )
        ]

    def _label(self, index: int) -> str:
        return self._labels[index] if index < len(self._labels) else str(index)


def to_image(boxes: np.ndarray, place: Placement) -> np.ndarray:
    """Convert boxes from pixels of the model's input to pixels of the image, cut off at its edges.

    Args:
        boxes: (M, 4): x_min, y_min, x_max, y_max.
        place: Where the image is in the input.
    Returns:
        float64 (M, 4).
    """
    source, target = place
    scale = np.array([source.width / target.width, source.height / target.height] * 2)
    moved = (boxes - [target.left, target.top] * 2) * scale + [source.left, source.top] * 2
    low = [source.left, source.top] * 2
    high = [source.left + source.width, source.top + source.height] * 2
    return np.asarray(np.clip(moved, low, high))


def require_thresholds(score_threshold: float, iou_threshold: float, max_detections: int) -> None:
    """Raise an error if an option is not in its range.

    Raises:
        UsageError: It is not; the message names it.
    """
    for name, value in (("score_threshold", score_threshold), ("iou_threshold", iou_threshold)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise UsageError(f"{name} must be a share.", expected="a number from 0 to 1", received=f"{value!r:.40}")
    if type(max_detections) is not int or not 1 <= max_detections <= _MOST_DETECTIONS:
        raise UsageError(
            "max_detections is not a number of boxes.",
            expected=f"a whole number from 1 to {_MOST_DETECTIONS}",
            received=f"{max_detections!r:.40}",
        )
