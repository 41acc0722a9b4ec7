"""The history: one line a model, whole or not at all, and drawn over commits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.cli import cli
from edgekit.regression.history import HistoryEntry, append_history, current_commit, read_history
from edgekit_runtime.errors import EdgekitError

ENTRY = HistoryEntry(
    time="2026-01-01T00:00:00+00:00",
    commit="0123456789abcdef",
    model="digits",
    passed=True,
    failed_rules=(),
    sha256="0" * 64,
    size_bytes=100_000,
    top1=0.98,
    mean_absolute_error=None,
    latency_ratio=0.5,
    p50_ms=0.03,
    machine="a machine",
    data="digits",
    samples=360,
)


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.jsonl"
    failed = replace(ENTRY, passed=False, failed_rules=("accuracy", "size"), top1=None, size_bytes=None, sha256="")
    append_history(path, [ENTRY, failed])
    append_history(path, [ENTRY])
    assert read_history(path) == ([ENTRY, failed, ENTRY], 0)
    assert len(path.read_text().splitlines()) == 3


def test_a_torn_line_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    append_history(path, [ENTRY])
    with path.open("a") as file:
        file.write('{"time": "20')
    append_history(path, [ENTRY])
    with path.open("ab") as file:
        file.write(b'\n[]\n{"schema_version": 9}\n\xff\xfe\n')
    assert read_history(path) == ([ENTRY, ENTRY], 4)


def test_many_processes_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    program = (
        "from pathlib import Path\n"
        "from edgekit.regression.history import *\n"
        f"entry = HistoryEntry(*{tuple(getattr(ENTRY, name) for name in ENTRY.__slots__)!r})\n"
        f"for _ in range(50): append_history(Path({str(path)!r}), [entry] * 3)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    entries, unread = read_history(path)
    assert (len(entries), unread) == (450, 0)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    path = tmp_path / "history.jsonl"
    append_history(path, [ENTRY])
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(EdgekitError, match="could not be written"):
        append_history(path, [ENTRY])
    assert path.read_bytes() == before


def test_the_commit_is_the_ci_services_or_gits(tmp_path: Path) -> None:
    assert current_commit(tmp_path, {"GITHUB_SHA": "a", "CI_COMMIT_SHA": "b"}) == "a"
    assert current_commit(tmp_path, {"CI_COMMIT_SHA": "b"}) == "b"
    assert current_commit(tmp_path, {}) == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert len(current_commit(tmp_path, {})) == 40


def history(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["history", *map(str, arguments)])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "history.jsonl"
    for number in range(6):
        day = replace(ENTRY, time=f"2026-01-0{number + 1}T00:00:00+00:00", commit=f"{number}" * 40)
        worse = replace(day, model="$x_1$ <b>", top1=0.9 - number / 100, passed=number < 3, failed_rules=("accuracy",))
        append_history(path, [day, worse])
    return path


def test_the_command_shows_draws_and_gives_json(written: Path, tmp_path: Path) -> None:
    result = history(written, "--output", tmp_path / "h.png")
    assert result.exit_code == 0, result.output
    assert result.output.count("failed: accuracy") == 3
    assert "11111111" in result.output
    with Image.open(tmp_path / "h.png") as picture:
        assert picture.size[0] > 600
    report = json.loads(history(written, "--json", "--last", "3", "--model", "digits").stdout)
    assert [entry["commit"][0] for entry in report["entries"]] == ["3", "4", "5"]
    assert report["unread_lines"] == 0


def test_the_svg_is_well_formed_and_the_same_again(written: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "h.svg", tmp_path / "again" / "h.svg"
    for path in (first, second):
        assert history(written, "-o", path).exit_code == 0
    assert ET.fromstring(first.read_text()).tag.endswith("svg")
    assert first.read_bytes() == second.read_bytes()


def test_bad_input_is_a_sentence(tmp_path: Path) -> None:
    missing = history(tmp_path / "absent.jsonl")
    assert missing.exit_code == 1
    assert "edgekit check --history" in missing.stderr
    (tmp_path / "empty.jsonl").touch()
    assert history(tmp_path / "empty.jsonl", "-o", tmp_path / "h.png").exit_code == 0
    (tmp_path / "foreign.jsonl").write_text("no json\n")
    assert "1 lines of" in history(tmp_path / "foreign.jsonl").stderr
    assert history(tmp_path / "empty.jsonl", "-o", tmp_path / "h.pdf").exit_code == 2


def test_a_check_appends(project: Path, hasty_model: Path, check: Callable[..., Result]) -> None:
    path = project / "history.jsonl"
    assert check(project, "--history", str(path)).exit_code == 0
    shutil.copy(hasty_model, project / "model.tflite")
    assert check(project, "--history", str(path)).exit_code == 3
    (good, bad), _ = read_history(path)
    assert (good.passed, bad.passed) == (True, False)
    assert bad.failed_rules == ("accuracy",)
    assert good.top1 is not None
    assert bad.top1 is not None
    assert good.top1 > bad.top1
    assert good.sha256 != bad.sha256


def test_mlflow_gets_a_run_a_model(
    project: Path, check: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra edgekit[mlflow] is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("GITHUB_SHA", "0" * 40)
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    result = check(project, "--mlflow", "models")
    assert result.exit_code == 0, result.output
    (run,) = mlflow.search_runs(experiment_names=["models"], output_format="list")
    assert run.data.metrics["top1"] > 0.9
    assert run.data.metrics["top1_drop"] == 0
    assert run.data.tags["edgekit.verdict"] == "passed"
    assert run.data.tags["mlflow.source.git.commit"] == "0" * 40
    monkeypatch.setattr(mlflow, "set_experiment", lambda name: (_ for _ in ()).throw(OSError("no such server")))
    refused = check(project, "--mlflow", "models")
    assert refused.exit_code == 1
    assert "MLFLOW_TRACKING_URI" in refused.stderr


def test_without_mlflow_the_extra_is_named(
    project: Path, check: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    result = check(project, "--mlflow", "models")
    assert result.exit_code == 2
    assert "pip install 'edgekit[mlflow]'" in result.stderr
