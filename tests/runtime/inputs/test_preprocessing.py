from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import DataError, TensorMismatchError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing

GREY = Preprocessing(2, 2, 1)
COLOUR = Preprocessing(2, 2, 3)


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    buffer = io.BytesIO()
    image = pillow.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, "PNG")
    return buffer.getvalue()


def test_default_range_has_the_bits_of_a_division_by_255() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    tensor = Preprocessing(16, 16, 1)(pixels)
    assert tensor.dtype == np.float32
    assert np.array_equal(tensor, pixels.astype(np.float32) / np.float32(255))


def test_scale_and_offset() -> None:
    signed = Preprocessing(1, 3, 1, scale=2 / 255, offset=-1.0)
    assert signed(np.array([[0, 51, 255]], np.uint8))[0, 0, :, 0].tolist() == pytest.approx([-1.0, -0.6, 1.0])


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        pytest.param((2, 2), 1, id="height-width"),
        pytest.param((2, 2, 1), 1, id="one-channel"),
        pytest.param((2, 2, 3), 1, id="three-channels"),
        pytest.param((5, 9, 9), 5, id="batch-of-grey"),
        pytest.param((5, 2, 2, 1), 5, id="batch-with-channel"),
        pytest.param((5, 7, 2, 4), 5, id="batch-with-alpha"),
        pytest.param((0, 2, 2, 1), 0, id="empty-batch"),
    ],
)
def test_shapes_of_arrays(shape: tuple[int, ...], images: int) -> None:
    for preprocessing in (GREY, COLOUR):
        tensor = preprocessing(np.zeros(shape, np.uint8))
        assert tensor.shape == (images, 2, 2, preprocessing.channels)
        assert tensor.dtype == np.float32


@pytest.mark.parametrize(
    ("colour", "grey"),
    [
        # 0.299 · 255 = 76.2, 0.587 · 255 = 149.7, 0.114 · 255 = 29.1
        pytest.param((255, 0, 0), 76, id="red"),
        pytest.param((0, 255, 0), 150, id="green"),
        pytest.param((0, 0, 255), 29, id="blue"),
        pytest.param((255, 255, 255), 255, id="white"),
    ],
)
def test_colour_to_grey(colour: tuple[int, int, int], grey: int) -> None:
    image = np.full((2, 2, 3), colour, np.uint8)
    assert GREY.pixels(image).tolist() == np.full((1, 2, 2, 1), grey).tolist()


def test_grey_to_colour() -> None:
    image = np.array([[1, 2], [3, 4]], np.uint8)
    assert COLOUR.pixels(image)[0].tolist() == [[[1, 1, 1], [2, 2, 2]], [[3, 3, 3], [4, 4, 4]]]


def test_transparent_parts_become_white() -> None:
    image = np.zeros((2, 2, 4), np.uint8)
    image[0, 0] = (200, 100, 50, 255)
    image[0, 1] = (200, 100, 50, 51)
    # 51 of 255 is a fifth: 200 / 5 + 255 · 4 / 5 = 244.
    assert COLOUR.pixels(image)[0].tolist() == [[[200, 100, 50], [244, 224, 214]], [[255] * 3, [255] * 3]]


def test_resizes_to_the_model() -> None:
    image = np.array([[0, 100]], np.uint8)
    assert Preprocessing(1, 4, 1).pixels(image)[0, 0, :, 0].tolist() == [0, 25, 75, 100]


def test_fitting_pixels_are_not_copied() -> None:
    image = np.zeros((3, 2, 2, 1), np.uint8)
    assert np.shares_memory(GREY.pixels(image), image)


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.zeros((2, 2), np.float32), id="float"),
        pytest.param(np.zeros((2, 2), np.int64), id="int64"),
        pytest.param(np.zeros((2, 2), bool), id="bool"),
        pytest.param(np.zeros(4, np.uint8), id="one-dimension"),
        pytest.param(np.zeros((1, 2, 2, 5), np.uint8), id="five-channels"),
        pytest.param(np.zeros((0, 2), np.uint8), id="no-rows"),
        pytest.param(np.zeros((0, 0, 2, 1), np.uint8), id="no-images-without-rows"),
        pytest.param([np.zeros((1, 2, 2, 1), np.uint8)], id="list-of-batches"),
        pytest.param([3], id="list-of-numbers"),
        pytest.param(3, id="number"),
        pytest.param(None, id="none"),
    ],
)
def test_refuses_what_is_no_image(array: object) -> None:
    with pytest.raises(TensorMismatchError):
        GREY(array)


@pytest.mark.parametrize("size", [(0, 2, 1), (2, 0, 1), (2, 2, 2), (2, 2, 0)], ids=str)
def test_refuses_impossible_sizes(size: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError):
        Preprocessing(*size)


@pytest.mark.skipif(importlib.util.find_spec("PIL") is not None, reason="Pillow is installed")
def test_missing_pillow_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pip install 'edgekit-runtime\[images\]'"):
        GREY(tmp_path / "digit.png")


def test_files_bytes_and_pillow_images_are_the_same(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (9, 7, 3), np.uint8)
    encoded = png(pixels)
    path = tmp_path / "image.png"
    path.write_bytes(encoded)
    from PIL import Image

    expected = COLOUR(pixels)
    for source in (path, str(path), encoded, bytearray(encoded), Image.open(path)):
        assert np.array_equal(COLOUR(source), expected)
    assert np.array_equal(COLOUR([path, pixels, encoded]), np.concatenate([expected] * 3))
    assert np.array_equal(COLOUR(item for item in [path]), expected)


def test_16_bit_images_keep_their_brightness() -> None:
    encoded = png(np.array([[0, 0x8000], [0xFF00, 0xFFFF]], np.uint16))
    assert GREY.pixels(encoded)[0, :, :, 0].tolist() == [[0, 128], [255, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_modes_of_png(mode: str) -> None:
    black_and_white = np.array([[[0] * 3, [255] * 3], [[255] * 3, [0] * 3]], np.uint8)
    assert GREY.pixels(png(black_and_white, mode))[0, :, :, 0].tolist() == [[0, 255], [255, 0]]


def test_photos_are_turned_upright() -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = pillow.fromarray(np.array([[0, 0], [255, 255]], np.uint8))
    exif = pillow.Exif()
    exif[0x0112] = 3  # upside down
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    assert GREY.pixels(buffer.getvalue())[0, :, :, 0].tolist() == [[255, 255], [0, 0]]


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "truncated", "empty"])
def test_unreadable_files_are_data_errors(kind: str, tmp_path: Path) -> None:
    encoded = png(np.random.default_rng(4).integers(0, 256, (64, 64), np.uint8))
    path = tmp_path / "image.png"
    contents = {"text": b"not an image", "truncated": encoded[: len(encoded) // 2], "empty": b""}
    if kind in contents:
        path.write_bytes(contents[kind])
    if kind == "folder":
        path.mkdir()
    with pytest.raises(DataError, match=r"image\.png"):
        GREY(path)
