from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.segmentation import NOT_SEEN, segment

LABELS = ("dark", "bright")


def how(mode: str = "stretch", size: int = 4) -> Preprocessing:
    return Preprocessing(size, size, 1, resize=mode)


def halves() -> np.ndarray:
    """Scores (4, 4, 2) whose left half is class 0 and whose right half is class 1."""
    scores = np.zeros((4, 4, 2), np.float32)
    scores[:, :2, 0] = scores[:, 2:, 1] = 1
    return scores


def test_the_map_has_the_size_of_the_image(tflite_folder: Path) -> None:
    model = edgekit_runtime.load(tflite_folder / "mask.tflite", labels=LABELS)
    image = np.zeros((16, 24), np.uint8)
    image[:, 12:] = 255
    found = model.segment(image)
    assert found.class_map.shape == (16, 24)
    assert found.class_map.dtype == np.int32
    assert found.class_map.tolist() == [[0] * 12 + [1] * 12] * 16
    assert found.scores is None
    assert found.areas() == {"dark": 192, "bright": 192}
    assert found.to_dict() == {"height": 16, "width": 24, "areas": {"dark": 192, "bright": 192}}
    with_scores = model.segment(image, with_scores=True).scores
    assert with_scores is not None
    assert with_scores.shape == (16, 24, 2)
    assert with_scores.sum(2) == pytest.approx(np.ones((16, 24)))


def test_scores_are_interpolated_before_a_class_is_chosen() -> None:
    scores = halves()
    # At twice the size, the edge lies where both scores are equal; the stronger class takes more.
    scores[..., 1] *= 3
    assert segment(scores, how(), (8, 8), LABELS).class_map[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert segment(scores, how(), (12, 12), LABELS).class_map[0].tolist() == [0] * 5 + [1] * 7


def test_a_mask_smaller_than_the_input() -> None:
    found = segment(halves(), how(size=16), (16, 16), LABELS)
    assert found.class_map.tolist() == [[0] * 8 + [1] * 8] * 16


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # An image of 8 × 4 (width × height) in an input of 4 × 4.
        pytest.param("stretch", [[0] * 4 + [1] * 4] * 4, id="stretch"),
        pytest.param("crop", [[NOT_SEEN] * 2 + [0] * 2 + [1] * 2 + [NOT_SEEN] * 2] * 4, id="crop"),
        pytest.param("pad", [[0] * 4 + [1] * 4] * 4, id="pad"),
        pytest.param("letterbox", [[0] * 4 + [1] * 4] * 4, id="letterbox"),
    ],
)
def test_resize_modes(mode: str, expected: list[list[int]]) -> None:
    found = segment(halves(), how(mode), (4, 8), LABELS, with_scores=True)
    assert found.class_map.tolist() == expected
    assert found.scores is not None
    assert (found.scores[found.class_map == NOT_SEEN] == 0).all()
    assert NOT_SEEN not in found.areas()


def test_borders_of_the_input_are_left_out() -> None:
    mask = np.zeros((4, 4), np.int64)
    mask[0], mask[3] = 2, 2
    # An image of 4 × 2 takes the middle two rows.
    assert segment(mask, how("pad"), (2, 4), LABELS).class_map.tolist() == [[0] * 4] * 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_numbers_of_classes_are_repeated(dtype: type) -> None:
    mask = np.array([[0, 1], [2, 3]], dtype)
    found = segment(mask, how(size=2), (4, 4), ("a", "b", "c"))
    assert found.class_map.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    # A class without a label has its number.
    assert found.areas() == {"a": 4, "b": 4, "c": 4, "3": 4}


def test_a_single_score_is_that_of_the_second_class() -> None:
    mask = np.array([0.2, 0.8], np.float32).reshape(1, 2, 1)
    found = segment(mask, Preprocessing(1, 2, 1), (1, 2), (), with_scores=True)
    assert found.class_map.tolist() == [[0, 1]]
    assert found.labels == ("0", "1")
    assert found.scores == pytest.approx(np.array([[[0.8, 0.2], [0.2, 0.8]]]))


def test_labels_must_match_the_classes() -> None:
    with pytest.raises(UsageError, match="labels do not match"):
        segment(halves(), how(), (4, 4), ("only",))


def test_nan_gives_some_class() -> None:
    found = segment(np.full((4, 4, 3), np.nan, np.float32), how(), (5, 5), ())
    assert ((found.class_map >= 0) & (found.class_map < 3)).all()


def test_a_large_image_is_resized_in_blocks() -> None:
    found = segment(halves(), how(), (1000, 500), LABELS)
    assert (found.class_map[:, :250] == 0).all()
    assert (found.class_map[:, 250:] == 1).all()
