"""Examples as a model takes them."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.datasets.model_inputs import to_model_input, with_pixels
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.task import Kind, Task


@pytest.mark.parametrize(
    ("pixel_range", "expected"),
    [((0.0, 1.0), [0.0, 0.2, 1.0]), ((-1.0, 1.0), [-1.0, -0.6, 1.0]), ((0.0, 255.0), [0.0, 51.0, 255.0])],
    ids=str,
)
def test_pixels_are_mapped_to_the_range(pixel_range: tuple[float, float], expected: list[float]) -> None:
    pixels = np.array([0, 51, 255], np.uint8).reshape(1, 1, 3, 1)
    values = to_model_input(pixels, (-1, 1, 3, 1), "float32", pixel_range)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values.ravel(), expected, rtol=1e-6)


def test_values_are_taken_as_they_are() -> None:
    values = to_model_input(np.array([[1.5, -2.0]], np.float32), (-1, 2), "float32", (0.0, 1.0))
    np.testing.assert_array_equal(values, [[1.5, -2.0]])


def test_sizes_left_open_take_any() -> None:
    assert to_model_input(np.zeros((2, 9, 4)), (-1, -1, 4), "float32", (0.0, 1.0)).shape == (2, 9, 4)


@pytest.mark.parametrize("shape", [(1, 28, 28, 1), (1, 32, 32, 3), (1, 784)], ids=str)
def test_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="does not fit the model's input") as caught:
        to_model_input(np.zeros((2, 8, 8, 1), np.uint8), shape, "float32", (0.0, 1.0))
    assert caught.value.received == "8 × 8 × 1"


CHANNELS_FIRST = Preprocessing(2, 3, 3, scale=1.0, layout="channels_first")
PIXELS = np.arange(4 * 2 * 3 * 3, dtype=np.uint8).reshape(4, 2, 3, 3)


@pytest.mark.parametrize(
    "examples",
    [PIXELS, PIXELS.transpose(0, 3, 1, 2), PIXELS.astype("float32"), PIXELS.astype("float32").transpose(0, 3, 1, 2)],
    ids=["images", "pixels, channels first", "floats", "floats, channels first"],
)
def test_a_channels_first_input_takes_images_and_its_own_layout(examples: np.ndarray) -> None:
    values = to_model_input(examples, (-1, 3, 2, 3), "float32", CHANNELS_FIRST)
    np.testing.assert_array_equal(values, PIXELS.transpose(0, 3, 1, 2).astype("float32"))


def test_grey_images_without_an_axis_of_channels_fit_a_channels_first_input() -> None:
    grey = CHANNELS_FIRST._replace(channels=1)
    values = to_model_input(PIXELS[..., 0], (-1, 1, 2, 3), "float32", grey)
    np.testing.assert_array_equal(values, PIXELS[..., 0].astype("float32")[:, np.newaxis])


def test_another_size_of_image_is_refused_by_a_channels_first_input() -> None:
    with pytest.raises(DataError, match="does not fit"):
        to_model_input(np.zeros((1, 5, 5, 3), np.uint8), (-1, 3, 2, 3), "float32", CHANNELS_FIRST)


IMAGE_TASK = Task({"x": Kind("image", "user"), "age": Kind("numbers", "default")}, {})
INPUTS = (ModelInput("x", (-1, 3, 4, 5), "float32"), ModelInput("age", (-1, 2), "float32"))


def pixels_of(given: dict, packed: dict) -> object:
    first, second = with_pixels(INPUTS, IMAGE_TASK, given, packed=packed)
    assert second.pixels is None
    return first.pixels


def test_a_range_of_the_users_keeps_all_else_that_is_packed() -> None:
    ranged = CHANNELS_FIRST._replace(height=4, width=5, scale=2 / 255, offset=-1.0)
    assert pixels_of({"": (-1.0, 1.0)}, {"x": CHANNELS_FIRST}) == ranged
    assert pixels_of({"x": (-1.0, 1.0)}, {"": CHANNELS_FIRST}) == ranged
    assert pixels_of({}, {"x": CHANNELS_FIRST}) == CHANNELS_FIRST._replace(height=4, width=5)


def test_a_range_without_a_name_means_the_only_image() -> None:
    two = Task({"x": Kind("image", "user"), "age": Kind("image", "user")}, {})
    with pytest.raises(UsageError, match="does not name an image"):
        with_pixels(INPUTS, two, {"": (0.0, 1.0)})
    with pytest.raises(UsageError, match="of age does not name an image"):
        with_pixels(INPUTS, IMAGE_TASK, {"age": (0.0, 1.0)})


def test_integers_of_an_input_that_is_not_an_image_stay_what_they_are() -> None:
    counts = np.arange(24, dtype=np.uint8).reshape(1, 6, 4)
    np.testing.assert_array_equal(to_model_input(counts, (-1, 6, 4), "float32", None), counts)
