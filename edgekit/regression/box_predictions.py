"""What a detector found in each image, compared with the true boxes and packed small enough to be committed.

Average precision is not a mean over images, so a score per image is not enough. Kept is which found box is right at
which overlap, in the order of the scores: average precision of any selection of images follows from it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.parity.average_precision import IOU_THRESHOLDS, ClassMatches, Matches, box_score
from edgekit.regression.packed_arrays import packed_array, unpacked_array

#: The metric that detectors are judged by.
METRIC = "ap"
_BITS = 1 << np.arange(len(IOU_THRESHOLDS), dtype=np.uint16)


@dataclass(frozen=True, slots=True)
class BoxPredictions:
    """The predictions of a detector for data with true boxes.

    Attributes:
        matches: Found boxes compared with the true ones.
    """

    matches: Matches

    @property
    def score(self) -> float:
        """Average precision as COCO defines it, a fraction."""
        return box_score(METRIC, self.matches)

    def pack(self) -> dict[str, Any]:
        """Plain values for JSON. Wrong boxes after the last right one of a class change no score and are left out."""
        numbers = sorted(self.matches.classes)
        kept = [_until_last_right(self.matches.classes[number]) for number in numbers]
        positives = self.matches.positives
        return {
            "kind": "boxes",
            "samples": len(positives),
            "classes": numbers,
            "found": [len(each.images) for each in kept],
            "images": packed_array(np.concatenate([each.images for each in kept]).astype("<u4")),
            "right": packed_array(np.concatenate([each.right @ _BITS for each in kept]).astype("<u2")),
            "wrong": packed_array(np.concatenate([each.wrong @ _BITS for each in kept]).astype("<u2")),
            "positives": packed_array(positives.astype("<u4").ravel()),
        }


def unpack_boxes(packed: dict[str, Any], samples: int) -> BoxPredictions:
    """Read what ``pack`` stored.

    Args:
        packed: The plain values from JSON.
        samples: Number of images.
    Raises:
        ValueError, KeyError, TypeError, zlib.error: The entry is damaged, or belongs to other data.
    """
    if packed["samples"] != samples:
        raise ValueError(f"boxes of {packed['samples']} images for {samples} examples")
    positives = unpacked_array(packed["positives"], "<u4").astype(np.int64).reshape(samples, -1)
    numbers, found = [int(each) for each in packed["classes"]], [int(each) for each in packed["found"]]
    images = unpacked_array(packed["images"], "<u4").astype(np.int64)
    right, wrong = (unpacked_array(packed[name], "<u2")[:, np.newaxis] & _BITS != 0 for name in ("right", "wrong"))
    if min(found, default=0) < 0 or not sum(found) == len(images) == len(right) == len(wrong):
        raise ValueError(f"{sum(found)} boxes, but {len(images)}, {len(right)} and {len(wrong)} entries")
    if len(numbers) != len(found) or numbers != np.flatnonzero(positives.any(0)).tolist() or not numbers:
        raise ValueError("the classes are not those of the true boxes")
    if images.max(initial=0) >= samples:
        raise ValueError(f"image {images.max()} of {samples}")
    ends = np.cumsum(found)[:-1]
    parts = zip(*(np.split(each, ends) for each in (images, right, wrong)), strict=True)
    return BoxPredictions(
        Matches({number: ClassMatches(*part) for number, part in zip(numbers, parts, strict=True)}, positives)
    )


def _until_last_right(found: ClassMatches) -> ClassMatches:
    end = int(np.flatnonzero(found.right.any(1)).max(initial=-1)) + 1
    return ClassMatches(found.images[:end], found.right[:end], found.wrong[:end])
