from __future__ import annotations

import numpy as np
import pytest

from edgekit_runtime.resizing import resize_bilinear


def row(*values: int) -> np.ndarray:
    """One grey image of one row."""
    return np.array(values, np.uint8).reshape(1, 1, -1, 1)


@pytest.mark.parametrize(
    ("image", "width", "expected"),
    [
        # Centres of the new pixels lie at 0.25, 0.75, 1.25 and 1.75 old pixels: weights 1, 3/4 + 1/4, 1/4 + 3/4, 1.
        pytest.param(row(0, 100), 4, [0, 25, 75, 100], id="twice-as-wide"),
        # Weights 3/8, 3/8, 1/8 for pixels 0 to 2 of the left half, over their sum of 7/8.
        pytest.param(row(0, 0, 70, 70), 2, [10, 60], id="half-as-wide"),
        pytest.param(row(7, 7, 7, 7, 7), 3, [7, 7, 7], id="flat-stays-flat"),
        pytest.param(row(255, 255, 255), 7, [255] * 7, id="white-does-not-wrap"),
        pytest.param(row(9), 3, [9, 9, 9], id="one-pixel"),
    ],
)
def test_width(image: np.ndarray, width: int, expected: list[int]) -> None:
    assert resize_bilinear(image, 1, width)[0, 0, :, 0].tolist() == expected


def test_height_is_resized_like_width() -> None:
    image = np.random.default_rng(1).integers(0, 256, (2, 5, 9, 3), np.uint8)
    upright = resize_bilinear(image, 4, 6)
    lying = resize_bilinear(image.swapaxes(1, 2), 6, 4).swapaxes(1, 2)
    assert upright.shape == (2, 4, 6, 3)
    # Rows come before columns, and are rounded in between.
    assert np.abs(upright.astype(int) - lying).max() <= 1


def test_the_right_size_is_passed_through() -> None:
    image = row(1, 2, 3)
    assert resize_bilinear(image, 1, 3) is image


@pytest.mark.parametrize("size", [(28, 28), (5, 40), (300, 200)], ids=str)
def test_agrees_with_pillow(size: tuple[int, int]) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = np.random.default_rng(2).integers(0, 256, (61, 83, 3), np.uint8)
    theirs = np.asarray(pillow.fromarray(image).resize((size[1], size[0]), pillow.Resampling.BILINEAR))
    ours = resize_bilinear(image[np.newaxis], *size)[0]
    assert np.abs(ours.astype(int) - theirs).max() <= 1
