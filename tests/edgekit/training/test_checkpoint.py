"""The state of a training on disk, and what it may be resumed with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from edgekit.training.options import TrainingOptions
from edgekit_runtime.errors import DataError, UsageError

OPTIONS = TrainingOptions(epochs=5)


def state() -> TrainingState:
    return TrainingState(
        weights=[np.arange(6, dtype=np.float32).reshape(2, 3), np.array([7], np.float32)],
        optimizer=[np.array(12, np.int64)],
        history={"loss": [2.5, 1.25], "accuracy": [0.1, 0.2]},
        # More than ten arrays: their order is that of the numbers, not of the names.
        best=[np.array([number], np.float32) for number in range(12)],
    )


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state.npz", state(), OPTIONS, "digest")
    loaded = load_checkpoint(tmp_path / "state.npz", OPTIONS, "digest")
    assert loaded.epochs_done == 2
    assert loaded.history == state().history
    for group in ("weights", "optimizer", "best"):
        saved, read = getattr(state(), group), getattr(loaded, group)
        assert [array.dtype for array in read] == [array.dtype for array in saved]
        for one, other in zip(saved, read, strict=True):
            np.testing.assert_array_equal(one, other)


def test_more_epochs_are_what_resuming_is_for(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state.npz", state(), OPTIONS, "digest")
    assert load_checkpoint(tmp_path / "state.npz", replace(OPTIONS, epochs=9), "digest").epochs_done == 2


@pytest.mark.parametrize(
    ("changed", "digest", "expected", "received"),
    [
        ({"seed": 3}, "digest", "seed 0", "seed 3"),
        ({"dropout": 0.5, "batch_size": 8}, "digest", "batch_size 32, dropout 0.3", "batch_size 8, dropout 0.5"),
        ({}, "of other data", "the same data", "other data"),
    ],
    ids=["another seed", "two options", "other data"],
)
def test_another_training_is_not_resumed(
    changed: dict, digest: str, expected: str, received: str, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "state.npz", state(), OPTIONS, "digest")
    with pytest.raises(UsageError, match="started differently") as caught:
        load_checkpoint(tmp_path / "state.npz", replace(OPTIONS, **changed), digest)
    assert (caught.value.expected, caught.value.received) == (expected, received)


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to resume"):
        load_checkpoint(tmp_path / "state.npz", OPTIONS, "digest")


@pytest.mark.parametrize("keep", [0, 100, -50], ids=["empty", "the start", "all but the end"])
def test_a_damaged_checkpoint_is_a_sentence(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    save_checkpoint(path, state(), OPTIONS, "digest")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="is damaged"):
        load_checkpoint(path, OPTIONS, "digest")


def test_objects_in_a_checkpoint_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "state.npz", facts=np.array([{"options": 1}], dtype=object))
    with pytest.raises(DataError, match="is damaged"):
        load_checkpoint(tmp_path / "state.npz", OPTIONS, "digest")
