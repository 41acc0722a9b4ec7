"""Conversions on the workers of a Dask scheduler: the same bytes as here, also if a worker is killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgekit.cli import cli
from edgekit.jobs.opening import open_workers
from edgekit.many_models.on_workers import convert_on_workers
from edgekit.many_models.planning import plan_sources
from edgekit.many_models.result import ManyConversions, ModelRow, Status

SOURCE = Path(__file__).resolve().parents[2] / "data" / "keras_eras" / "tf211_nested.h5"


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["convert", *map(str, arguments)])


def test_a_worker_killed_in_the_middle_changes_no_byte(tmp_path: Path, cluster: Callable[..., Any]) -> None:
    pytest.importorskip("tensorflow")
    started = cluster(2)
    models, out = tmp_path / "models", tmp_path / "out"
    models.mkdir()
    for name in ("a.h5", "b.h5", "c.h5", "d.h5"):
        shutil.copy(SOURCE, models / name)
    (models / "broken.h5").write_bytes(b"no model")
    ended: list[str] = []

    def kill_after_the_first(row: ModelRow) -> None:
        if not ended:
            started.kill(0)
        ended.append(row.name)

    def run(on_row: Callable[[ModelRow], None]) -> ManyConversions:
        planned = plan_sources([models], out, {"quantize": "dynamic"})
        with open_workers(started.address) as workers:
            return convert_on_workers(planned, out, workers, on_start=lambda _name: None, on_row=on_row)

    result = run(kill_after_the_first)

    assert started.workers[0].poll() == -9
    assert {Path(row.name).name: row.status for row in result.rows} == {
        "broken.h5": Status.FAILED,
        **dict.fromkeys(("a.h5", "b.h5", "c.h5", "d.h5"), Status.CONVERTED),
    }
    assert len(ended) == 5
    assert convert(models, "--quantize", "dynamic", "--output", tmp_path / "here", "--jobs", 1).exit_code == 1
    for name in ("a.tflite", "b.tflite", "c.tflite", "d.tflite"):
        assert (out / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    again = run(lambda _row: None)
    assert (again.count(Status.SKIPPED), again.count(Status.FAILED)) == (4, 1)

    done = convert(models / "a.h5", "--quantize", "dynamic", "--output", tmp_path, "--scheduler", started.address)
    assert (done.exit_code, done.stdout) == (0, "1 converted, 0 skipped, 0 failed.\n")
    assert (tmp_path / "a.tflite").read_bytes() == (out / "a.tflite").read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--scheduler", "host:8786"], 2, "host:8786 is not the address of a scheduler."),
        (["--scheduler", "tcp://127.0.0.1:1", "--jobs", "2"], 2, "--scheduler and --jobs contradict each other"),
    ],
)
def test_what_cannot_work_is_one_sentence(options: list[str], code: int, message: str, tmp_path: Path) -> None:
    done = convert(SOURCE, "--output", tmp_path / "out", *options)
    assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
