"""Random samples: the shapes, types and ranges of the model's inputs, the same for the same seed."""

from __future__ import annotations

import numpy as np

from edgekit_converters.lowering import ModelInput
from edgekit_converters.quantization.samples import random_representative_dataset

INPUTS = [
    ModelInput("image", (-1, 4, 4, 3), "float32", pixels=(-1.0, 1.0)),
    ModelInput("volume", (-1, 4, 4, 3), "float32"),
    ModelInput("words", (1, -1), "int32"),
    ModelInput("signal", (-1, 100), "float32"),
]


def test_they_have_the_inputs_shapes_types_and_ranges() -> None:
    samples = list(random_representative_dataset(INPUTS, 0, samples=50))
    assert len(samples) == 50
    image, volume, words, signal = (np.concatenate([sample[name] for sample in samples]) for name in samples[0])
    assert (image.shape, image.dtype) == ((50, 4, 4, 3), np.float32)
    assert -1 <= image.min() < -0.95
    assert 0.95 < image.max() <= 1
    # Four axes alone do not make an image.
    assert volume.max() > 1
    assert (words.shape, words.dtype) == ((50, 32), np.int32)
    assert set(words.ravel()) == {0, 1}
    assert signal.shape == (50, 100)
    assert 0.9 < signal.std() < 1.1


def test_the_seed_decides() -> None:
    first, again, other = (
        np.concatenate([sample["image"] for sample in random_representative_dataset(INPUTS, seed, samples=3)])
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
