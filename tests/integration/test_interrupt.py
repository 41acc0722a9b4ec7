"""Ctrl-C in the middle of each command: one sentence, exit code 1, no half file, no old file lost, no child left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

EDGEKIT = [sys.executable, "-m", "edgekit"]
SENTENCE = "Interrupted. Files that were there before are unchanged."


def interrupt(
    arguments: list[str], when: Callable[[int], bool], program: Sequence[str] = EDGEKIT
) -> subprocess.CompletedProcess[str]:
    """Start a command in a process group of its own, and press Ctrl-C once ``when(group)`` holds."""
    child = subprocess.Popen(
        [*program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 120
    while not (listens(child.pid) and when(child.pid)):
        assert child.poll() is None, f"the command ended before Ctrl-C: {child.communicate()}"
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    stdout, stderr = child.communicate(timeout=60)
    assert_nothing_is_left(child.pid)
    # Lines of progress come on slow machines only.
    stderr = re.sub(r"^.*(s so far|s left)\n", "", stderr, flags=re.MULTILINE)
    return subprocess.CompletedProcess(child.args, child.returncode, stdout, stderr)


def assert_nothing_is_left(group: int) -> None:
    """Nothing of the process group is left; one that was killed takes the kernel a moment."""
    end = time.monotonic() + 5
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < end, "a process of the command goes on without it"
        time.sleep(0.02)


def listens(process: int) -> bool:
    """Whether the command's own code runs already: it waits for the signal that repeats Ctrl-C."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGALRM - 1) & 1)


def after(seconds: float) -> Callable[[int], bool]:
    """From the moment on that the command listens."""
    begun: list[float] = []

    def passed(_group: int) -> bool:
        begun.append(time.monotonic())
        return begun[-1] - begun[0] > seconds

    return passed


def exists(file: Path) -> Callable[[int], bool]:
    return lambda group: file.is_file()


def assert_interrupted(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done
    assert done.stderr.strip().splitlines()[-1] == SENTENCE
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgekit.training.reference_cnn import build

    path = tmp_path_factory.mktemp("model") / "model.h5"
    build((28, 28, 1), 10).save(path)
    return path


@pytest.fixture(scope="module")
def tflite(model: Path) -> Path:
    path = model.with_suffix(".tflite")
    subprocess.run([*EDGEKIT, "convert", str(model), "-o", str(path)], check=True, capture_output=True)
    return path


def lowers_a_model(group: int) -> bool:
    """Whether a process of the group lowers a model now."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end between the listing and the reading.
        with contextlib.suppress(OSError):
            if b"edgekit_converters.lowering" in file.read_bytes() and os.getpgid(int(file.parent.name)) == group:
                return True
    return False


def test_train_keeps_its_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "out" / "checkpoint.npz"
    arguments = ["train", "--epochs", "500", "--no-augment", "-o", str(tmp_path / "out")]
    done = interrupt(arguments, exists(checkpoint))
    assert_interrupted(done)
    assert "add --resume to the command to go on" in done.stderr
    # Whole, and nothing else: no temporary file beside it.
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.npz"]
    subprocess.run(
        [*EDGEKIT, "train", "--epochs", "1", "--no-augment", "--resume", "-o", str(tmp_path / "out")], check=True
    )
    assert (tmp_path / "out" / "model.h5").is_file()


def test_convert_keeps_the_old_file_and_ends_its_child(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.tflite"
    output.write_bytes(b"old")
    done = interrupt(["convert", str(model), "-o", str(output)], lowers_a_model)
    assert_interrupted(done)
    assert output.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("seconds", [0.1, 3.0], ids=["early", "late"])
def test_validate(seconds: float, model: Path, tflite: Path, tmp_path: Path) -> None:
    # Reading a pipe that nobody writes to: the command waits there as long as it takes.
    os.mkfifo(tmp_path / "data.npz")
    assert_interrupted(
        interrupt(["validate", str(model), str(tflite), "--data", str(tmp_path / "data.npz")], after(seconds))
    )


@pytest.mark.parametrize("command", ["predict", "bench"])
def test_commands_that_read(command: str, tflite: Path, tmp_path: Path) -> None:
    # An image that is a pipe would be refused; labels may come from one.
    os.mkfifo(tmp_path / "waits.txt")
    arguments = {
        "predict": [str(tflite), str(tmp_path / "image.png"), "--labels", str(tmp_path / "waits.txt")],
        "bench": [str(tflite), "--runs", "100000000"],
    }[command]
    assert_interrupted(interrupt([command, *arguments], after(1.5)))


def test_demo_leaves_whole_files_only(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = interrupt(["demo", "-o", str(folder)], exists(folder / "model.h5"))
    assert_interrupted(done)
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_doctor() -> None:
    assert_interrupted(interrupt(["doctor"], after(1.0)))


#: ``edgekit doctor`` with other work in it, in whose middle a library drops Ctrl-C.
WITH_WORK = """
import sys, time
from edgekit import cli
from edgekit.commands import doctor

def goes_on():
    try:
        time.sleep(60)
    except BaseException:
        pass
    try:
        time.sleep(60)
    finally:
        # Longer than until the next reminder.
        time.sleep(1)
        print("cleaned up", file=sys.stderr)

def fails():
    try:
        time.sleep(60)
    except BaseException:
        raise ImportError("initialization failed")

def in_generated_code():
    exec("time.sleep(60)")

work = {"goes_on": goes_on, "fails": fails, "in_generated_code": in_generated_code}[sys.argv.pop()]
doctor.command.callback = lambda **options: work()
cli.main()
"""


@pytest.mark.parametrize(
    ("work", "said"),
    [("goes_on", ["cleaned up", SENTENCE]), ("fails", [SENTENCE]), ("in_generated_code", [SENTENCE])],
)
def test_a_library_that_drops_it(work: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "with_work.py").write_text(WITH_WORK)
    # As a module: only there does Python end itself by the signal after code in a text was interrupted.
    program = ["env", f"PYTHONPATH={tmp_path}", sys.executable, "-m", "with_work"]
    done = interrupt(["doctor", work], after(1.5), program=program)
    assert_interrupted(done)
    assert done.stderr.splitlines() == said


def test_while_keras_writes_a_model(tmp_path: Path) -> None:
    program = """
import signal, sys
from pathlib import Path
from types import SimpleNamespace
from edgekit.training.saving import _save_model

def save(path):
    signal.raise_signal(signal.SIGINT)
    path.write_text("whole")

try:
    _save_model(SimpleNamespace(save=save), Path(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""
    path = tmp_path / "model.keras"
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True)
    assert done.stdout == "interrupted\n"
    assert path.read_text() == "whole"
