"""The affine maps: what they may do to a digit, and what they must not."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.training.augmentation import random_transforms, transform

IMAGE = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)


def transformed(*numbers: float) -> np.ndarray:
    return np.asarray(transform(IMAGE, np.array([numbers], np.float32)))[0, :, :, 0]


def test_the_identity_changes_nothing() -> None:
    np.testing.assert_array_equal(transformed(1, 0, 0, 0, 1, 0, 0, 0), IMAGE[0, :, :, 0])


def test_a_shift_repeats_the_edge() -> None:
    # Every pixel takes its right neighbour's value; the last column has none and repeats itself.
    assert transformed(1, 0, 1, 0, 1, 0, 0, 0).tolist() == [[1, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]]


def test_half_a_pixel_is_interpolated() -> None:
    assert transformed(1, 0, 0, 0, 1, 0.5, 0, 0)[0].tolist() == [2, 3, 4, 5]


def test_maps_are_small_keep_the_centre_and_never_mirror() -> None:
    maps = random_transforms(2000, 28, 28, np.random.default_rng(0)).astype(np.float64)
    a0, a1, a2, b0, b1, b2 = maps[:, :6].T
    # The centre, (13.5, 13.5), moves by at most 7 % of 28 pixels.
    assert np.abs(a0 * 13.5 + a1 * 13.5 + a2 - 13.5).max() == pytest.approx(1.96, abs=0.01)
    assert np.abs(b0 * 13.5 + b1 * 13.5 + b2 - 13.5).max() == pytest.approx(1.96, abs=0.01)
    # Rotation and shear keep areas, zoom by 0.9 to 1.1 changes them by its square; a mirror would make them negative.
    areas = a0 * b1 - a1 * b0
    assert areas.min() == pytest.approx(0.81, abs=0.01)
    assert areas.max() == pytest.approx(1.21, abs=0.01)
    turned_deg = np.rad2deg(np.arctan2(b0, a0))
    assert np.abs(turned_deg).max() == pytest.approx(10, abs=0.1)
    assert (maps[:, 6:] == 0).all()


def test_the_generator_decides() -> None:
    first, again, other = (random_transforms(3, 28, 28, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.dtype == np.float32
