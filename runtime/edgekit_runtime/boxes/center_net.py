"""Decodes CenterNet: each peak of a heatmap is the centre of an object.

Source: Zhou et al., "Objects as Points" (2019), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit_runtime.boxes.candidates import Candidates, corners, sigmoid
from edgekit_runtime.boxes.head import Head, as_probabilities, mismatch

#: Peaks with the highest scores that become boxes.
_MOST_PEAKS = 1000


def decode_center_net(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Decode maps of a heatmap, of sizes and of offsets; see ``layouts.HeadLayout.decode``."""
    maps = _channels_last(outputs)
    heatmap, sizes, offsets = maps
    heat = sigmoid(heatmap) if head.parameters["activation"] == "sigmoid" else as_probabilities(heatmap)
    height, width, classes = heat.shape
    peaks = np.flatnonzero((heat == _largest_nearby(heat)) & np.isfinite(heat))
    scores = heat.reshape(-1)[peaks]
    peaks = peaks[np.argsort(-scores, kind="stable")[:_MOST_PEAKS]]
    cells, of_class = np.divmod(peaks, classes)
    rows, columns = np.divmod(cells, width)
    stride = np.array([head.width / width, head.height / height], np.float32)
    order = [1, 0] if head.parameters["order"] == "yx" else [0, 1]
    size, offset = (values.reshape(-1, 2)[cells][:, order].astype(np.float32) for values in (sizes, offsets))
    centres = (np.stack([columns, rows], axis=1).astype(np.float32) + offset) * stride
    if head.parameters["size_unit"] == "cells":
        size = size * stride
    return Candidates(corners(centres, size), heat.reshape(-1)[peaks], of_class, classes)


def _channels_last(outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The three maps with the channels last: (H, W, C), (H, W, 2) and (H, W, 2)."""
    if all(output.ndim == 3 for output in outputs):
        for maps in (list(outputs), [np.moveaxis(output, 0, -1) for output in outputs]):
            if maps[1].shape == maps[2].shape == (*maps[0].shape[:2], 2):
                return maps
    raise mismatch("a heatmap (height, width, classes), and sizes and offsets (height, width, 2)", outputs)


def _largest_nearby(heat: np.ndarray) -> np.ndarray:
    """The largest value of each 3 × 3 neighbourhood, by channel; NaN does not count."""
    padded = np.pad(heat, ((1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows = np.fmax(np.fmax(padded[:-2], padded[1:-1]), padded[2:])
    return np.asarray(np.fmax(np.fmax(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))
