"""Average precision of found boxes, as COCO defines it.

A found box is right if it overlaps a true box of its class that no better one has taken. Average precision is the area
under the curve of precision over recall, read at 101 recalls; ``ap`` is its mean over classes and over ten overlaps
from 0.5 to 0.95, ``ap50`` its mean over classes at 0.5. Intervals come from a bootstrap over images.

Source: ``cocoeval.py`` of pycocotools, for all sizes of boxes and at most 100 found boxes per image and class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.parity.paired_statistics import Interval, expanded_percentiles
from edgekit_runtime.boxes.suppression import areas, intersections
from edgekit_runtime.errors import DataError

#: Overlaps from which on a found box counts as right.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
#: Name and meaning of each metric, for ``--metric`` and help texts.
BOX_METRICS: Mapping[str, str] = {
    "ap": "average precision of boxes, the mean over overlaps from 0.5 to 0.95",
    "ap50": "average precision of boxes at an overlap of 0.5",
}
#: Found boxes per image and class that count.
_MOST_FOUND = 100
_RECALLS = np.linspace(0, 1, 101)
#: Each resample computes every precision curve again.
_RESAMPLES = 300


@dataclass(frozen=True, slots=True)
class ClassMatches:
    """Found boxes of one class, compared with the true ones; the highest score first.

    Attributes:
        images: Image of each found box, int64 (D,).
        right: Whether it has a true box at each overlap, bool (D, 10).
        wrong: Whether it has none and counts, unlike a box in a crowd, bool (D, 10).
    """

    images: np.ndarray
    right: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True, slots=True)
class Matches:
    """Found boxes of a data set, compared with its true boxes.

    Attributes:
        classes: Result of each class that has true boxes, by its number.
        positives: Number of true boxes of each class in each image, without crowds, int64 (N, classes).
    """

    classes: Mapping[int, ClassMatches]
    positives: np.ndarray


def match(found: np.ndarray, truth: np.ndarray) -> Matches:
    """Compare found boxes with true ones.

    Args:
        found: (N, K, 6): class, score, x_min, y_min, x_max, y_max; the class is -1 in rows that are not used.
        truth: (N, M, 6): class, x_min, y_min, x_max, y_max, and 1 for a crowd; the class is -1 in rows not used.
    Raises:
        DataError: There are no true boxes.
    """
    single = (truth[..., 0] >= 0) & (truth[..., 5] == 0)
    positives = np.zeros((len(truth), int(truth[..., 0].max(initial=-1)) + 1), np.int64)
    np.add.at(positives, (np.nonzero(single)[0], truth[single, 0].astype(np.int64)), 1)
    if not positives.any():
        raise DataError(
            "The examples have no true boxes, so that average precision is undefined.",
            expected="annotations of boxes",
            received=f"{len(truth)} images without any",
            next_step="pass more images, or annotate them",
        )
    present = np.flatnonzero(positives.any(0)).tolist()
    return Matches({each: _match_class(found, truth, each) for each in present}, positives)


def _match_class(found: np.ndarray, truth: np.ndarray, number: int) -> ClassMatches:
    images, scores, right, wrong = [], [], [], []
    for image in np.flatnonzero((found[..., 0] == number).any(1)).tolist():
        rows = found[image][found[image, :, 0] == number].astype(np.float64)
        rows = rows[np.argsort(-rows[:, 1], kind="stable")[:_MOST_FOUND]]
        own_right, in_crowd = _match_image(rows[:, 2:], truth[image][truth[image, :, 0] == number].astype(np.float64))
        images.append(np.full(len(rows), image))
        scores.append(rows[:, 1])
        right.append(own_right)
        wrong.append(~own_right & ~in_crowd)
    if not images:
        nothing = np.zeros((0, len(IOU_THRESHOLDS)), bool)
        return ClassMatches(np.zeros(0, np.int64), nothing, nothing)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return ClassMatches(*(np.concatenate(each)[order] for each in (images, right, wrong)))


def _match_image(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match the boxes of one class in one image; whether each is right, and whether it is in a crowd, (D, 10) each."""
    thresholds = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
    right = np.zeros((len(found), len(thresholds)), bool)
    in_crowd = np.zeros_like(right)
    if not len(truth):
        return right, in_crowd
    is_crowd = truth[:, 5] != 0
    shared, area = intersections(found, truth[:, 1:5]), areas(found)[:, np.newaxis]
    # A box in a crowd need not cover the crowd.
    whole = np.where(is_crowd, area, area + areas(truth[:, 1:5]) - shared)
    overlaps = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    near = np.flatnonzero((overlaps >= thresholds[0]).any(1)).tolist()
    for column, threshold in enumerate(thresholds):
        taken = np.zeros(len(truth), bool)
        for row in near:
            reaches = (overlaps[row] >= threshold) & ~taken
            single = np.flatnonzero(reaches & ~is_crowd)
            if len(single):
                # Of equal overlaps, the last true box is taken, as in pycocotools.
                best = single[len(single) - 1 - overlaps[row, single][::-1].argmax()]
                taken[best] = right[row, column] = True
            else:
                in_crowd[row, column] = reaches.any()
    return right, in_crowd


def average_precisions(matches: Matches, weights: np.ndarray | None = None) -> np.ndarray:
    """The average precision at each overlap, the mean over the classes that have true boxes; float64 (10,).

    Args:
        matches: Compared boxes.
        weights: How often each image counts, int64 (N,); None for once. The result is NaN if no true box is left.
    """
    weights = np.ones(len(matches.positives), np.int64) if weights is None else weights
    positives = weights @ matches.positives
    results = [
        _precision_of_class(of_class, weights, positives[number])
        for number, of_class in matches.classes.items()
        if positives[number]
    ]
    return np.mean(results, axis=0) if results else np.full(len(IOU_THRESHOLDS), np.nan)


def _precision_of_class(of_class: ClassMatches, weights: np.ndarray, positives: int) -> np.ndarray:
    times = weights[of_class.images][:, np.newaxis]
    right = (of_class.right * times).cumsum(0)
    precision = right / np.maximum(right + (of_class.wrong * times).cumsum(0), 1)
    # The largest precision at this recall or a higher one.
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    recall = right / positives
    result = np.zeros(len(IOU_THRESHOLDS))
    for column in range(len(IOU_THRESHOLDS)):
        places = np.searchsorted(recall[:, column], _RECALLS, side="left")
        result[column] = envelope[places[places < len(recall)], column].sum() / len(_RECALLS)
    return result


def box_score(name: str, matches: Matches, weights: np.ndarray | None = None) -> float:
    """One of ``BOX_METRICS``; NaN if no image that counts has a true box."""
    precisions = average_precisions(matches, weights)
    return float(precisions[0] if name == "ap50" else precisions.mean())


def box_drops(name: str, reference: Matches, candidate: Matches, *, seed: int = 0) -> np.ndarray:
    """The drop of a score in resamples of the images (cluster bootstrap), float64 (R,).

    Args:
        name: One of ``BOX_METRICS``.
        reference: Compared boxes of the reference.
        candidate: Compared boxes of the candidate in the same images.
        seed: Seed of the resamples.
    Returns:
        Values of the resamples that have a true box; none for a single image.
    """
    count = len(reference.positives)
    rng = np.random.default_rng(seed)
    drops = []
    for _ in range(_RESAMPLES if count > 1 else 0):
        weights = np.bincount(rng.integers(0, count, count), minlength=count)
        drops.append(box_score(name, reference, weights) - box_score(name, candidate, weights))
    values = np.array(drops, np.float64)
    return values[np.isfinite(values)]


@dataclass(frozen=True, slots=True)
class BoxComparison:
    """Scores of two models on the same images.

    Attributes:
        reference: Score of the reference.
        candidate: Score of the candidate.
        interval: 95 % interval of the drop; None for a single image, or if some resamples have no true box.
    """

    reference: float
    candidate: float
    interval: Interval | None


def compare_boxes(
    name: str, reference: np.ndarray, candidate: np.ndarray, truth: np.ndarray, *, seed: int = 0
) -> BoxComparison:
    """Compare the boxes that two models found.

    Args:
        name: One of ``BOX_METRICS``.
        reference: Boxes found by the reference, see :func:`match`.
        candidate: Boxes found by the candidate.
        truth: True boxes.
        seed: Seed of the bootstrap.
    Raises:
        DataError: There are no true boxes.
    """
    before, after = match(reference, truth), match(candidate, truth)

    drops = box_drops(name, before, after, seed=seed)
    interval = expanded_percentiles(drops, len(truth), 0.95) if len(drops) == _RESAMPLES else None
    return BoxComparison(box_score(name, before), box_score(name, after), interval)
