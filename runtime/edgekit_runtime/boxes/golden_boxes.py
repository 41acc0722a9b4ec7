"""The decoded boxes of golden examples: they reveal a changed anchor table or parameter of the decoding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.packed_file.golden import ANSWER_PREFIX

#: Names of the arrays in ``golden.npz``: positions, float32 (M, 4); and scores, float32 (M,).
POSITIONS, SCORES = f"{ANSWER_PREFIX}boxes", f"{ANSWER_PREFIX}scores"
#: Every box counts, since the wrong anchor may be one that no example needs; with more boxes, every second, third, ….
_MOST_BOXES = 10_000


def golden_boxes(decoder: BoxDecoder, names: Sequence[str], outputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Decode the outputs of the first golden example.

    Args:
        decoder: Decoder of the model.
        names: Names of the outputs.
        outputs: Real values of each output, (N, 1, ...): each example is a batch of one.
    """
    first = [values[0] for values in outputs]
    candidates = decoder.candidates({name: each[0] if each.ndim else each for name, each in zip(names, first)})
    step = max(1, -(-len(candidates.boxes) // _MOST_BOXES))
    return {POSITIONS: candidates.boxes[::step], SCORES: candidates.scores[::step]}
