"""Decides on how many interpreters, with how many threads each, large batches of a model run."""

from __future__ import annotations

from typing import NamedTuple

from edgekit_runtime.execution.batches import available_cores

# Every further interpreter prepares its own copy of the weights. Small models gain from one interpreter per core, since
# their operators are too short to be shared. The copies of large ones compete for the cache, while their operators
# are long enough for several threads.
_MOST_FURTHER_BYTES = 8_000_000
_FREE_MEMORY_SHARE = 0.02


class BatchPlan(NamedTuple):
    """How large batches of a model run.

    Attributes:
        interpreters: Number of interpreters that share a batch.
        threads: Number of threads of each.
        reason: Why, in a sentence.
    """

    interpreters: int
    threads: int
    reason: str


def plan_batches(
    model_bytes: int, *, num_threads: int, num_interpreters: int | None, keeps_state: bool, cores: int | None = None
) -> BatchPlan:
    """Decide how large batches of a model run.

    Args:
        model_bytes: Size of the model file.
        num_threads: Number of threads that the caller allows one operator.
        num_interpreters: Number of interpreters that the caller wants, if any.
        keeps_state: Whether the model keeps state from one example to the next.
        cores: Number of cores; by default those of this process.
    """
    if keeps_state:
        return BatchPlan(1, num_threads, "the model keeps state from one example to the next")
    if num_interpreters is not None:
        return BatchPlan(num_interpreters, num_threads, "as given by num_interpreters")
    cores = cores or available_cores()
    wanted = max(1, cores // num_threads)
    if wanted == 1:
        return BatchPlan(1, num_threads, f"{num_threads} of {cores} cores are in use already")
    free = free_memory_bytes()
    limit = _MOST_FURTHER_BYTES if free is None else min(_MOST_FURTHER_BYTES, int(_FREE_MEMORY_SHARE * free))
    needed = (wanted - 1) * model_bytes
    sizes = f"copies of the weights for further ones: {needed / 1e6:,.1f} MB, limit {limit / 1e6:,.1f} MB"
    if needed <= limit:
        return BatchPlan(wanted, num_threads, f"one per core; {sizes}")
    return BatchPlan(1, wanted * num_threads, f"only one; {sizes}")


def free_memory_bytes() -> int | None:
    """Memory that programs can still allocate without swapping, in bytes; ``None`` if the system does not say."""
    try:
        with open("/proc/meminfo", "rb") as file:
            found = file.read().partition(b"MemAvailable:")[2].split()
        return int(found[0]) * 1024
    except (OSError, ValueError, IndexError):
        return None
