from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from edgekit_runtime.execution.batches import available_cores, choose_chunk, chunk_size, padded, run_chunks


@pytest.mark.parametrize(
    ("sample_bytes", "samples"),
    [(28 * 28 * 4, 12), (96 * 96 * 3, 9), (224 * 224 * 3 * 4, 1), (0, 12)],
    ids=["digit", "small-photo", "photo", "nothing"],
)
def test_chunk_size(sample_bytes: int, samples: int) -> None:
    assert chunk_size(sample_bytes) == samples


@pytest.mark.parametrize(
    ("seconds", "most", "chunk"),
    [
        pytest.param({1: 1e-5, 4: 3.5e-5, 12: 9e-5}, 12, 12, id="every-saving-counts"),
        pytest.param({1: 1e-5, 4: 3e-5, 12: 12e-5}, 12, 4, id="too-large-for-the-cache"),
        pytest.param({1: 1e-5, 4: 3.95e-5, 12: 11.9e-5}, 12, 1, id="nothing-saved"),
        pytest.param({1: 6e-3}, 12, 1, id="long-invokes-are-not-tried"),
        pytest.param({1: 1e-5, 3: 2e-5}, 3, 3, id="less-than-four"),
        pytest.param({1: 1e-5}, 1, 1, id="one"),
    ],
)
def test_the_chunk_with_the_least_time_per_example(seconds: dict[int, float], most: int, chunk: int) -> None:
    assert choose_chunk(seconds.__getitem__, most) == chunk


def test_every_sample_is_run_once() -> None:
    seen: list[tuple[str, int, int]] = []
    taken_by = {"a": threading.Event(), "b": threading.Event()}

    def run(session: Any, start: int, stop: int) -> None:
        seen.append((session, start, stop))
        taken_by[session].set()
        # Both sessions get work: neither continues before the other has received its first chunk.
        assert all(event.wait(10) for event in taken_by.values())

    run_chunks(run, ["a", "b"], 10, 4)  # type: ignore[list-item]
    assert sorted((start, stop) for _, start, stop in seen) == [(0, 4), (4, 8), (8, 10)]
    assert {session for session, _, _ in seen} == {"a", "b"}


def test_the_first_error_ends_all_threads() -> None:
    runs: list[int] = []

    def run(session: Any, start: int, stop: int) -> None:
        runs.append(start)
        if start == 3:
            raise ValueError("chunk 3")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="chunk 3"):
        run_chunks(run, ["a", "b"], 10_000, 1)  # type: ignore[list-item]
    assert len(runs) < 10_000


def test_padding_repeats_the_last_sample() -> None:
    samples = np.array([[1], [2]])
    assert padded(samples, 4).tolist() == [[1], [2], [2], [2]]
    assert padded(samples, 2) is samples


def test_cores() -> None:
    assert available_cores() >= 1
