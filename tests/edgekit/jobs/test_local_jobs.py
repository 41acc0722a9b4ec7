"""Jobs in child processes."""

import os
import signal
from pathlib import Path

from edgekit.jobs.local_jobs import Job, run_jobs
from edgekit_runtime.errors import EdgekitError


def square(number: int) -> int:
    """Return the square, or fail."""
    if number < 0:
        raise EdgekitError("The number is negative.")
    return number * number


def killed_until_marked(marks: Path, times: int) -> int:
    """End this process like the out-of-memory killer does, the first ``times`` times; return the number of calls."""
    calls = len(list(marks.iterdir())) + 1
    (marks / str(calls)).touch()
    if calls <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return calls


def test_outcomes_are_in_order_and_an_error_stops_nothing() -> None:
    jobs = [Job(str(number), square, (number,), 1) for number in (3, -1, 4)]

    outcomes = run_jobs(jobs, processes=2, memory_bytes=10**9)

    assert [outcome.result for outcome in outcomes] == [9, None, 16]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == ["The number is negative."]


def test_a_killed_job_runs_once_more_and_then_is_an_error(tmp_path: Path) -> None:
    marks = [tmp_path / "once", tmp_path / "always"]
    for folder in marks:
        folder.mkdir()
    jobs = [Job("once", killed_until_marked, (marks[0], 1), 1), Job("always", killed_until_marked, (marks[1], 9), 1)]

    once, always = run_jobs(jobs, processes=1, memory_bytes=10**9)

    assert once.result == 2
    assert len(list(marks[1].iterdir())) == 2
    assert "always was ended 2 times" in str(always.error)
    assert "signal 9" in str(always.error)


def test_jobs_beyond_the_memory_wait_for_each_other() -> None:
    events: list[str] = []
    jobs = [Job(str(number), square, (number,), 10**15) for number in range(2)]

    run_jobs(
        jobs,
        processes=2,
        memory_bytes=1,
        on_start=lambda job: events.append(f"start {job.name}"),
        on_outcome=lambda job, _: events.append(f"end {job.name}"),
    )

    assert events == ["start 0", "end 0", "start 1", "end 1"]
