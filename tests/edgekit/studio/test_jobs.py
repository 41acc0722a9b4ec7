"""Jobs: commands in child processes, whose results only their owners get."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edgekit.studio.jobs import DONE, FAILED, RUNNING, WAITING, Job, Jobs
from edgekit_runtime.errors import UsageError


def ended(job: Job) -> Job:
    while job.state in (WAITING, RUNNING):
        time.sleep(0.05)
    return job


def test_the_result_is_what_the_commands_print() -> None:
    with Jobs() as jobs:
        job = ended(jobs.start("", ("targets",), [["targets"], ["targets"]], lambda outputs: len(outputs)))
        assert (job.state, job.result) == (DONE, 2)


def test_an_error_of_a_command_is_the_jobs(tmp_path: Path) -> None:
    with Jobs() as jobs:
        job = ended(jobs.start("", ("inspect",), [["inspect", str(tmp_path / "none.tflite")]], lambda outputs: outputs))
        assert job.state == FAILED
        assert "none.tflite" in job.error["problem"]
        # What failed can be asked for again.
        again = jobs.start("", ("inspect",), [["targets"]], lambda outputs: outputs)
        assert ended(again).state == DONE


def test_a_job_is_its_owners() -> None:
    with Jobs() as jobs:
        mine = jobs.start("one", ("x",), [], lambda outputs: "mine")
        everybodys = jobs.start("", ("x",), [], lambda outputs: "everybody's")
        assert ended(mine).identifier != ended(everybodys).identifier
        assert jobs.get(mine.identifier, "one") is mine
        assert jobs.get(mine.identifier, "two") is None
        assert jobs.get(mine.identifier, "") is None
        assert jobs.get(everybodys.identifier, "two") is everybodys


def test_the_same_is_not_done_twice_unless_it_is_asked_for() -> None:
    with Jobs() as jobs:
        first = ended(jobs.start("", ("x",), [], lambda outputs: 1))
        assert jobs.start("", ("x",), [], lambda outputs: 2) is first
        assert ended(jobs.start("", ("x",), [], lambda outputs: 2, again=True)).result == 2


def test_few_jobs_wait_and_few_results_are_kept() -> None:
    go_on = threading.Event()
    with Jobs() as jobs:
        first = [jobs.start("", (str(number),), [], lambda outputs: go_on.wait(60)) for number in range(8)]
        with pytest.raises(UsageError, match="busy"):
            jobs.start("", ("one more",), [], lambda outputs: None)
        go_on.set()
        for job in first:
            ended(job)
        for number in range(40):
            ended(jobs.start("", (f"later {number}",), [], lambda outputs: None))
        assert jobs.get(first[0].identifier, "") is None
        assert len(jobs._jobs) <= 32


def test_the_end_of_the_studio_ends_the_child() -> None:
    with Jobs() as jobs:
        jobs.start("", ("bench",), [["doctor"]], lambda outputs: outputs)
        while jobs._child is None:
            time.sleep(0.02)
        child = jobs._child
    assert child.poll() is not None
