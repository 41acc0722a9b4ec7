"""Decodes SSD: boxes relative to anchors.

Source: Liu et al., "SSD: Single Shot MultiBox Detector" (2016), equation 2, with the variances of its implementation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit_runtime.boxes.candidates import Candidates, best_class, bounded_exp, corners, sigmoid, softmax
from edgekit_runtime.boxes.head import Head, as_probabilities, mismatch

_ACTIVATIONS = {"softmax": softmax, "sigmoid": sigmoid, "none": as_probabilities}


def decode_ssd(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Decode box codes (N, 4) and scores (N, C); see ``layouts.HeadLayout.decode``."""
    assert head.anchors is not None
    codes, scores = outputs[0].reshape(-1, 4), outputs[1]
    count = len(head.anchors)
    has_background = head.parameters["background"] != "none"
    if scores.ndim != 2 or scores.shape[1] <= has_background or not len(codes) == len(scores) == count:
        raise mismatch(f"boxes ({count}, 4) and scores ({count}, classes), for {count} anchors", outputs)
    if head.parameters["box_order"] == "yxhw":
        codes = codes[:, [1, 0, 3, 2]]
    centres, sizes = _centres_and_sizes(head.anchors, str(head.parameters["anchor_order"]))
    variances = np.array(head.numbers("variances"), np.float32)
    boxes = corners(centres + codes[:, :2] * variances[:2] * sizes, sizes * bounded_exp(codes[:, 2:] * variances[2:]))
    scores = _ACTIVATIONS[str(head.parameters["activation"])](scores)
    first = 1 if head.parameters["background"] == "first" else 0
    return best_class(boxes * head.scale, scores[:, first : first + scores.shape[1] - has_background])


def _centres_and_sizes(anchors: np.ndarray, order: str) -> tuple[np.ndarray, np.ndarray]:
    """Centres and sizes of the anchors, (N, 2) each, x before y."""
    if order.startswith("yx"):
        anchors = anchors[:, [1, 0, 3, 2]]
    first, second = anchors[:, :2], anchors[:, 2:]
    return ((first + second) / 2, second - first) if order in ("xyxy", "yxyx") else (first, second)
