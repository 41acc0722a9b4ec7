"""The built-in data set: 1,797 scanned digits that come with scikit-learn, brought to MNIST's form."""

from __future__ import annotations

import numpy as np

from edgekit.datasets.assembly import make_dataset
from edgekit.datasets.dataset import Dataset, Examples
from edgekit_runtime.inputs.resizing import resize_bilinear

_BRIGHTEST = 16
#: MNIST's digits fill 20 × 20 pixels in the middle of 28 × 28.
_INNER, _MARGIN = 20, 4


def load_digits(*, seed: int) -> Dataset:
    """Load the digits as uint8 (N, 28, 28, 1), bright on dark, as MNIST's are.

    Args:
        seed: Seed of the choice of what is held back.
    """
    from sklearn.datasets import load_digits as load_scans

    scans = load_scans()
    pixels = np.rint(scans.images * (255 / _BRIGHTEST)).astype(np.uint8)[..., np.newaxis]
    images = np.pad(resize_bilinear(pixels, _INNER, _INNER), ((0, 0), (_MARGIN,) * 2, (_MARGIN,) * 2, (0, 0)))
    return make_dataset("digits", Examples(images, scans.target), None, (), seed=seed)
