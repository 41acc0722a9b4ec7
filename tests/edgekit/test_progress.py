"""Progress of long jobs where stderr is not a terminal."""

from __future__ import annotations

import re
import threading
import time

import pytest

from edgekit.progress import progress_bar, tracked


@pytest.fixture
def quick_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit.progress.SECONDS_BETWEEN_LINES", 0.01)


def _wait_for(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    seen = ""
    for _ in range(3000):
        seen += capsys.readouterr().err
        if re.search(line, seen):
            return
        time.sleep(0.01)
    pytest.fail(f"no line {line!r} in {seen!r}")


@pytest.mark.usefixtures("quick_lines")
def test_a_job_of_known_length_is_reported_with_an_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("Calibrating", total=2000) as advance:
        advance(500)
        _wait_for(r"Calibrating: 500 of 2,000, about \d+ s left\n", capsys)


@pytest.mark.usefixtures("quick_lines")
def test_the_innermost_job_is_the_one_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("Converting model.h5", total=None):
        _wait_for(r"Converting model\.h5: \d+ s so far\n", capsys)
        with progress_bar("Timing", total=4) as advance:
            advance(1)
            _wait_for(r"Timing: 1 of 4, about \d+ s left\n", capsys)
        _wait_for(r"Converting model\.h5: \d+ s so far\n", capsys)


@pytest.mark.usefixtures("quick_lines")
def test_nothing_is_reported_after_the_job_and_no_thread_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()
    with pytest.raises(ValueError, match="broken"), progress_bar("Training", total=10):
        raise ValueError("broken")
    assert threading.active_count() == threads
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_a_short_job_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked([1, 2, 3], "Classifying", total=3)) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("quick_lines")
def test_a_total_that_becomes_known_gives_an_estimate_and_grows_with_the_steps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_bar("Judging", total=None) as advance:
        advance(1)
        _wait_for(r"Judging: \d+ s so far\n", capsys)
        advance.expect(4)
        _wait_for(r"Judging: 1 of 4, about \d+ s left\n", capsys)
        advance(5)
        _wait_for(r"Judging: 6 of 6, about 0 s left\n", capsys)
