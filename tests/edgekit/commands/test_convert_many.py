"""``edgekit convert`` of several models in one command."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

SOURCE = Path(__file__).resolve().parents[2] / "data" / "keras_eras" / "tf211_nested.h5"


def command(*arguments: object) -> list[str]:
    """The command line of ``edgekit convert``."""
    return [sys.executable, "-m", "edgekit", "convert", *map(str, arguments)]


def convert(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``edgekit convert``."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def children_of(pid: int) -> list[int]:
    """Process ids of the children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders with a model of the same name each, one broken model, and another."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("one/a.h5", "two/a.h5", "c.h5"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(SOURCE, folder / name)
    (folder / "broken.h5").write_bytes(b"no model")
    return folder


def test_a_killed_run_is_continued_and_a_broken_model_stops_nothing(models: Path, tmp_path: Path) -> None:
    out, page, table = tmp_path / "out", tmp_path / "models.html", tmp_path / "models.csv"
    first = subprocess.Popen(command(models, "--output", out, "--jobs", 1), stderr=subprocess.DEVNULL)
    while not list((out / ".edgekit-convert").glob("*.json")):
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = {path: path.stat().st_mtime_ns for path in out.rglob("*.tflite")}

    second = convert(models, "--output", out, "--report", page, "--csv", table, "--json")

    result = json.loads(second.stdout)
    assert second.returncode == 1
    assert (result["converted"] + result["skipped"], result["failed"]) == (3, 1)
    assert result["skipped"] >= 1
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert {str(path.relative_to(out)) for path in out.rglob("*.tflite")} == {
        "one/a.tflite",
        "two/a.tflite",
        "c.tflite",
    }
    rows = {Path(row["name"]).name: row for row in csv.DictReader(table.open())}
    assert (rows["broken.h5"]["status"], rows["c.h5"]["size_bytes"]) == (
        "failed",
        str((out / "c.tflite").stat().st_size),
    )
    assert rows["broken.h5"]["reason"].splitlines()[0] in page.read_text().replace("&#x27;", "'")

    (out / "c.tflite").write_bytes(b"changed")
    third = convert(models / "c.h5", models / "one", "--output", out)

    assert third.returncode == 0, third.stderr
    assert len(third.stderr.splitlines()) == 2
    assert (out / "c.tflite").stat().st_size == int(rows["c.h5"]["size_bytes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "file"], "cannot be written to"),
        ([], "need a folder for the results"),
        (["--output", "out", "--figure", "x.png"], "--figure is for one model"),
        (["--config", "edgekit.toml"], "--config and MODEL contradict each other"),
        (["--config", "edgekit.toml", "--quantize", "int8"], "--config and --quantize contradict each other"),
    ],
    ids=["output is a file", "no output", "figure", "configuration and models", "configuration and options"],
)
def test_wrong_arguments_are_refused(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("edgekit.toml").write_text('[models.a]\nsource = "a.h5"\n')

    result = convert(models, *arguments)

    assert result.returncode in (1, 2)
    assert message in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads the children from /proc")
def test_ctrl_c_ends_the_children(models: Path, tmp_path: Path) -> None:
    run = subprocess.Popen(command(models, "--output", tmp_path), stderr=subprocess.PIPE, start_new_session=True)
    while len(children_of(run.pid)) < 2:
        assert run.poll() is None
        time.sleep(0.05)
    children = children_of(run.pid)

    os.kill(run.pid, signal.SIGINT)
    _, shown = run.communicate(timeout=60)

    assert (run.returncode, shown) == (1, b"Interrupted. Files that were there before are unchanged.\n")
    while any(is_running(pid) for pid in children):
        time.sleep(0.05)
