from __future__ import annotations

import pytest

from edgekit_runtime.execution import batch_plan
from edgekit_runtime.execution.batch_plan import free_memory_bytes, plan_batches


@pytest.mark.parametrize(
    ("model_bytes", "num_threads", "cores", "free", "expected"),
    [
        pytest.param(100_000, 1, 4, 4e9, (4, 1), id="small"),
        pytest.param(2_000_000, 2, 4, 4e9, (2, 2), id="two-threads-each"),
        pytest.param(2_000_000, 1, 4, 200e6, (1, 4), id="a-share-of-little-memory"),
        pytest.param(9_000_000, 1, 2, 64e9, (1, 2), id="large"),
        pytest.param(2_000_000, 1, 4, None, (4, 1), id="memory-unknown"),
        pytest.param(553_000_000, 1, 1, 64e9, (1, 1), id="one-core"),
        pytest.param(553_000_000, 4, 4, 64e9, (1, 4), id="threads-use-all-cores"),
    ],
)
def test_further_interpreters_are_for_weights_that_fit(
    model_bytes: int,
    num_threads: int,
    cores: int,
    free: float | None,
    expected: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_plan, "free_memory_bytes", lambda: free)
    plan = plan_batches(model_bytes, num_threads=num_threads, num_interpreters=None, keeps_state=False, cores=cores)
    assert plan[:2] == expected
    assert plan.reason


def test_the_caller_decides_and_state_needs_one() -> None:
    assert plan_batches(10**9, num_threads=1, num_interpreters=3, keeps_state=False)[:2] == (3, 1)
    assert plan_batches(10**3, num_threads=2, num_interpreters=3, keeps_state=True)[:2] == (1, 2)


def test_the_free_memory_is_a_plausible_number() -> None:
    free = free_memory_bytes()
    assert free is None or 10**6 < free < 10**14
