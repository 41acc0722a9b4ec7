"""Finds the boxes in the outputs of a detector for many images, with the code that the device runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_runtime.boxes.decoder import BoxDecoder

#: Also boxes of little confidence count for average precision.
_LOWEST_SCORE = 0.01
_IOU_THRESHOLD = 0.45
_MOST_FOUND = 100
#: Boxes of the float model that other models are expected to find, if the data has no true ones.
_CONFIDENT = 0.25


def found_boxes(decoder: BoxDecoder, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Find the boxes of each image.

    Args:
        decoder: Decoder of the model.
        outputs: Real values of each output by name, (N, ...).
    Returns:
        float32 (N, 100, 6): class, score, x_min, y_min, x_max, y_max in pixels of the model's input; the class is -1 in
        rows that are not used.
    Raises:
        TensorMismatchError: The shapes are not those of the head layout.
    """
    names = decoder.decoding.outputs
    count = len(outputs[names[0]])
    table = np.full((count, _MOST_FOUND, 6), -1, np.float32)
    for image in range(count):
        candidates = decoder.candidates({name: outputs[name][image] for name in names})
        chosen = decoder.chosen(
            candidates, score_threshold=_LOWEST_SCORE, iou_threshold=_IOU_THRESHOLD, max_detections=_MOST_FOUND
        )
        table[image, : len(chosen), 0] = candidates.classes[chosen]
        table[image, : len(chosen), 1] = candidates.scores[chosen]
        table[image, : len(chosen), 2:] = candidates.boxes[chosen]
    return table


def as_truth(found: np.ndarray) -> np.ndarray:
    """Boxes that a model is confident of, in the form of true boxes; see ``BOX_GROUND_TRUTH``."""
    truth = np.concatenate([found[..., :1], found[..., 2:], np.zeros_like(found[..., :1])], axis=2)
    truth[found[..., 1] < _CONFIDENT, 0] = -1
    return truth


def has_boxes(truth: np.ndarray) -> bool:
    """Whether there is any true box that is not a crowd."""
    return bool(((truth[..., 0] >= 0) & (truth[..., 5] == 0)).any())
