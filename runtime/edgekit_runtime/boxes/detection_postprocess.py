"""Reads the outputs of the operator TFLite_Detection_PostProcess, which decodes and suppresses inside the model.

Source: ``detection_postprocess.cc`` in the kernels of LiteRT.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit_runtime.boxes.candidates import Candidates
from edgekit_runtime.boxes.head import Head, as_probabilities, mismatch


def decode_detection_postprocess(outputs: Sequence[np.ndarray], head: Head) -> Candidates:
    """Read boxes (K, 4), classes (K,), scores (K,) and the count; see ``layouts.HeadLayout.decode``."""
    boxes, classes, scores, count = outputs
    most = len(scores) if scores.ndim == 1 else -1
    if boxes.shape != (most, 4) or classes.shape != (most,) or count.size != 1:
        raise mismatch("boxes (K, 4), classes (K,), scores (K,) and one count", outputs)
    stated = float(count.reshape(-1)[0])
    # The count is not trusted: rows behind it are not initialized, and it may be NaN.
    used = int(min(max(stated, 0), most)) if np.isfinite(stated) else 0
    numbers = classes[:used]
    is_class = np.isfinite(numbers) & (numbers >= 0) & (numbers < 2**31)
    scores = np.where(is_class, scores[:used], np.nan)
    # y_min, x_min, y_max, x_max, from 0 to 1.
    pixels = boxes[:used, [1, 0, 3, 2]] * np.array([head.width, head.height] * 2, np.float32)
    return Candidates(
        pixels.astype(np.float32),
        as_probabilities(scores.astype(np.float32)),
        np.where(is_class, numbers, 0).astype(np.int64),
    )
