"""Training: what is learned, that it is the same each time, and that it can be broken off."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.datasets.dataset import Dataset
from edgekit.training.checkpoint import load_checkpoint
from edgekit.training.fit import CHECKPOINT_NAME, TrainingResult, train
from edgekit.training.options import TrainingOptions
from edgekit_runtime.errors import DataError, UsageError

#: Everything that draws at random is on.
OPTIONS = TrainingOptions(epochs=4, batch_size=16, augment=True, dropout=0.2)


def bars(count: int = 60, size: int = 20, channels: int = 1) -> Dataset:
    """Noisy images with a bright bar: class 0 upright, class 1 lying."""
    random = np.random.default_rng(0)
    x = random.integers(0, 60, (count, size, size, channels), np.uint8)
    y = np.arange(count) % 2
    x[y == 0, :, 8:12] = 230
    x[y == 1, 8:12, :] = 230
    held_back = count // 3
    return Dataset(
        "bars", x[held_back:], y[held_back:], x[:held_back], y[:held_back], ("upright", "lying"), f"digest of {count}"
    )


def digest(result: TrainingResult) -> str:
    return hashlib.sha256(b"".join(array.tobytes() for array in result.model.get_weights())).hexdigest()


PRINT_DIGEST = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("tests_of_fit", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
print(tests.digest(tests.train(tests.bars(), tests.OPTIONS)))
"""


@pytest.fixture(scope="module")
def result() -> TrainingResult:
    return train(bars(), OPTIONS)


def test_what_a_result_holds(result: TrainingResult) -> None:
    assert (result.train_count, result.test_count) == (40, 20)
    assert result.labels == ("upright", "lying")
    assert set(result.history) == {"loss", "accuracy"}
    assert len(result.history["loss"]) == 4
    assert result.confusion.sum(axis=1).tolist() == [10, 10]
    assert result.test_accuracy == np.trace(result.confusion) / 20
    assert result.to_dict()["confusion"] == result.confusion.tolist()


def test_bars_are_learned() -> None:
    result = train(bars(), replace(OPTIONS, epochs=15, dropout=0.0))
    assert result.test_accuracy == 1
    assert result.confusion.tolist() == [[10, 0], [0, 10]]


def test_the_same_seed_gives_the_same_weights_in_another_process(result: TrainingResult) -> None:
    done = subprocess.run([sys.executable, "-c", PRINT_DIGEST, __file__], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(result)


def test_another_seed_gives_other_weights(result: TrainingResult) -> None:
    assert digest(train(bars(), replace(OPTIONS, seed=1))) != digest(result)


@pytest.mark.parametrize("early_stopping", [False, True], ids=["all epochs", "early stopping"])
@pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch norm"])
def test_a_resumed_training_ends_as_an_unbroken_one(early_stopping: bool, batch_norm: bool, tmp_path: Path) -> None:
    options = replace(OPTIONS, early_stopping=early_stopping, batch_norm=batch_norm)
    unbroken = train(bars(), options)
    first = train(bars(), replace(options, epochs=2), folder=tmp_path)
    resumed = train(bars(), options, folder=tmp_path, resume=True)
    assert first.history["loss"] == unbroken.history["loss"][:2]
    assert resumed.history == unbroken.history
    assert digest(resumed) == digest(unbroken)


def test_resuming_what_is_done_changes_nothing(result: TrainingResult, tmp_path: Path) -> None:
    train(bars(), OPTIONS, folder=tmp_path)
    again = train(bars(), OPTIONS, folder=tmp_path, resume=True)
    assert digest(again) == digest(result)
    assert again.history == result.history


def test_resuming_with_other_data_is_refused(tmp_path: Path) -> None:
    train(bars(), replace(OPTIONS, epochs=1), folder=tmp_path)
    with pytest.raises(UsageError, match="started differently"):
        train(bars(count=30), OPTIONS, folder=tmp_path, resume=True)


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    # Steps of this size never settle: the loss on what is watched soon gets no better.
    options = replace(OPTIONS, epochs=60, learning_rate=0.05, early_stopping=True)
    result = train(bars(), options, folder=tmp_path)
    losses = result.history["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 6
    state = load_checkpoint(tmp_path / CHECKPOINT_NAME, options, bars().digest)
    for kept, used in zip(state.best, result.model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, used)


def test_colour_and_other_sizes_are_learned_too() -> None:
    result = train(bars(size=24, channels=3), replace(OPTIONS, epochs=1))
    assert result.model.input_shape == (None, 24, 24, 3)
    assert result.model.output_shape == (None, 2)


@pytest.mark.parametrize(
    ("x", "received"),
    [
        (np.zeros((6, 7), np.float32), "7"),
        (np.zeros((6, 28, 28), np.float32), "28 × 28"),
        (np.zeros((6, 12, 28, 1), np.uint8), "12 × 28 × 1"),
        (np.zeros((6, 28, 28, 4), np.uint8), "28 × 28 × 4"),
    ],
    ids=["a table", "no channels", "too small", "four channels"],
)
def test_what_is_no_image_is_refused(x: np.ndarray, received: str) -> None:
    y = np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(DataError, match="learns from images") as caught:
        train(Dataset("other", x, y, x, y, ("a", "b"), ""), OPTIONS)
    assert caught.value.received == received
