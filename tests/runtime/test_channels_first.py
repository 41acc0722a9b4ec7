"""A model that takes (N, C, H, W) predicts the same for images as its twin that takes (N, H, W, C)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import CHANNELS_FIRST, Preprocessing

MODELS = Path(__file__).resolve().parents[1] / "data" / "exported_programs"
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def first() -> edgekit_runtime.Model:
    return edgekit_runtime.load(MODELS / "cnn.tflite")


@pytest.fixture(scope="module")
def last() -> edgekit_runtime.Model:
    return edgekit_runtime.load(MODELS / "cnn-channels-last.tflite")


@pytest.mark.parametrize(
    "images",
    [IMAGES, IMAGES[0], IMAGES[:1], IMAGES[0, :, :, 0], np.repeat(np.repeat(IMAGES, 3, 1), 2, 2)],
    ids=["many", "one", "batch of one", "grey", "larger"],
)
def test_classify_transposes_images(
    images: np.ndarray, first: edgekit_runtime.Model, last: edgekit_runtime.Model
) -> None:
    for own, twin in zip(first.classify(images, top_k=5), last.classify(images, top_k=5)):
        assert [entry.label for entry in own.top] == [entry.label for entry in twin.top]
        np.testing.assert_allclose([x.score for x in own.top], [x.score for x in twin.top], atol=1e-6)


def test_a_stream_and_prepared_floats_answer_as_classify_does(first: edgekit_runtime.Model) -> None:
    assert first.preprocessing is not None
    expected = [answer.score for answer in first.classify(IMAGES)]
    np.testing.assert_allclose([answer.score for answer in first.stream(list(IMAGES), top_k=1)], expected, atol=1e-6)
    prepared = first.preprocessing(IMAGES)
    assert prepared.shape == (5, 3, 8, 8)
    np.testing.assert_allclose([answer.score for answer in first.classify(prepared)], expected, atol=1e-6)


def test_golden_examples_are_replayed(first: edgekit_runtime.Model) -> None:
    assert first.verify().passed


def test_every_channel_gets_its_own_scale_and_place() -> None:
    last = Preprocessing(2, 2, 3, (1.0, 2.0, 3.0), (0.0, 10.0, 20.0), color_order="bgr")
    values = last._replace(layout=CHANNELS_FIRST)(IMAGES[:, :2, :2])
    assert values.flags.c_contiguous
    np.testing.assert_array_equal(values, last(IMAGES[:, :2, :2]).transpose(0, 3, 1, 2))


def test_a_manifest_without_a_layout_means_channels_last() -> None:
    usual = Preprocessing(2, 2, 3)
    # The format that edgekit 0.1.0 writes and reads.
    assert "layout" not in usual.to_dict()
    assert Preprocessing.from_dict(usual.to_dict()) == usual
    changed = usual._replace(layout=CHANNELS_FIRST)
    assert Preprocessing.from_dict(changed.to_dict()) == changed
    with pytest.raises(UsageError, match="layout"):
        Preprocessing.from_dict({**usual.to_dict(), "layout": "sideways"})
