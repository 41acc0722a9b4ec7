"""Provides the built-in dataset: the 1,797 scanned digits of scikit-learn, resized to the format of MNIST."""

from __future__ import annotations

import numpy as np

from edgekit.datasets.readers.stored_arrays import named_source
from edgekit.datasets.source import Source, as_digests, row_hashes
from edgekit.datasets.splitting import held_back_rows
from edgekit_runtime.inputs.resizing import resize_bilinear

_BRIGHTEST = 16
#: MNIST's digits fill 20 × 20 pixels in the middle of 28 × 28.
_INNER, _MARGIN = 20, 4


def digits_source(*, seed: int) -> Source:
    """The digits as uint8 (N, 28, 28, 1), bright on dark like those of MNIST.

    Args:
        seed: Seed for choosing the held-back examples.
    """
    from sklearn.datasets import load_digits

    scans = load_digits()
    pixels = np.rint(scans.images * (255 / _BRIGHTEST)).astype(np.uint8)[..., np.newaxis]
    x = np.pad(resize_bilinear(pixels, _INNER, _INNER), ((0, 0), (_MARGIN,) * 2, (_MARGIN,) * 2, (0, 0)))
    y = scans.target
    in_test = held_back_rows(as_digests(row_hashes(x)), y, seed=seed)
    parts = {"x_train": x[~in_test], "y_train": y[~in_test], "x_test": x[in_test], "y_test": y[in_test]}
    return named_source("digits", parts, tuple(map(str, range(10))))
