from __future__ import annotations

import numpy as np
import pytest

from edgekit_runtime.inputs.resizing import RESIZE_MODES, resize, resize_bilinear


def row(*values: int) -> np.ndarray:
    """One grey image of one row."""
    return np.array(values, np.uint8).reshape(1, 1, -1, 1)


@pytest.mark.parametrize(
    ("image", "width", "expected"),
    [
        # Centres of the new pixels are at 0.25, 0.75, 1.25 and 1.75 old pixels: weights 1, 3/4 + 1/4, 1/4 + 3/4, 1.
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
    # Rows are resized before columns, and values are rounded in between.
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


# 1 2 3 4
# 5 6 7 8
WIDE = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.uint8)[np.newaxis, :, :, np.newaxis]
TALL = WIDE.swapaxes(1, 2)


@pytest.mark.parametrize(
    ("image", "size", "mode", "expected"),
    [
        pytest.param(WIDE, (2, 2), "crop", [[2, 3], [6, 7]], id="crop-cuts-the-sides"),
        pytest.param(TALL, (2, 2), "crop", [[2, 6], [3, 7]], id="crop-cuts-top-and-bottom"),
        pytest.param(WIDE, (1, 2), "crop", [[4, 5]], id="crop-of-fitting-proportions"),
        pytest.param(WIDE, (4, 4), "pad", [[0] * 4, [1, 2, 3, 4], [5, 6, 7, 8], [0] * 4], id="pad-above-and-below"),
        pytest.param(TALL, (4, 4), "pad", [[0, 1, 5, 0], [0, 2, 6, 0], [0, 3, 7, 0], [0, 4, 8, 0]], id="pad-beside"),
        pytest.param(
            WIDE, (4, 4), "letterbox", [[114] * 4, [1, 2, 3, 4], [5, 6, 7, 8], [114] * 4], id="letterbox-in-grey"
        ),
        # Centres of two columns in four are at 1 and 3, of one row in two at 1.
        pytest.param(WIDE, (1, 2), "nearest", [[6, 8]], id="nearest-smaller"),
        pytest.param(
            WIDE, (2, 8), "nearest", [[1, 1, 2, 2, 3, 3, 4, 4], [5, 5, 6, 6, 7, 7, 8, 8]], id="nearest-larger"
        ),
        pytest.param(WIDE, (2, 4), "pad", WIDE[0, :, :, 0].tolist(), id="the-right-size"),
    ],
)
def test_modes(image: np.ndarray, size: tuple[int, int], mode: str, expected: list[list[int]]) -> None:
    resized = resize(image, *size, mode)
    assert resized.dtype == np.uint8
    assert resized[0, :, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", RESIZE_MODES)
@pytest.mark.parametrize("source", [(1, 1), (1, 300), (300, 1), (7, 5)], ids=str)
@pytest.mark.parametrize("wanted", [(1, 1), (1, 64), (64, 1), (5, 7)], ids=str)
def test_every_size_becomes_every_other(source: tuple[int, int], wanted: tuple[int, int], mode: str) -> None:
    image = np.full((2, *source, 3), 200, np.uint8)
    resized = resize(image, *wanted, mode)
    assert resized.shape == (2, *wanted, 3)
    assert resized.max() == 200


def test_nearest_is_pillow_s() -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53), np.uint8)
    for height, width in ((10, 10), (64, 20), (37, 100)):
        expected = np.asarray(pillow.fromarray(pixels).resize((width, height), pillow.NEAREST))
        resized = resize(pixels[np.newaxis, :, :, np.newaxis], height, width, "nearest")
        np.testing.assert_array_equal(resized[0, :, :, 0], expected)
