"""The child that lowers ends with its parent, and nothing of either stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Lowers a file, in the main thread or in another one, and prints the child's id as soon as it runs.
LOWERS = """
import sys, threading
from pathlib import Path
from edgekit_converters.lowering import LoweringProcess, LoweringRequest

def lower():
    with LoweringProcess(LoweringRequest(Path(sys.argv[1]))) as process:
        print(process._child.pid, flush=True)
        process.result()
        print("lowered", flush=True)
        sys.stdin.read()

if sys.argv[2] == "main thread":
    lower()
else:
    threading.Thread(target=lower).start()
"""


@pytest.fixture
def parent(
    request: pytest.FixtureRequest, keras_file: Path, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    place = tmp_path / "temporary"
    place.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", LOWERS, str(keras_file), request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(place)},
    )
    assert process.stdout is not None
    yield process, int(process.stdout.readline())
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)]).save(path)
    return path


def runs(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    # One that has ended and that nobody has waited for is a zombie.
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the child")
@pytest.mark.parametrize("parent", ["main thread", "other thread"], indirect=True)
@pytest.mark.parametrize("moment", ["before it is done", "after it is done"])
def test_the_child_of_a_killed_process_ends_at_once(parent: tuple[subprocess.Popen[str], int], moment: str) -> None:
    process, child = parent
    assert process.stdout is not None
    if moment == "after it is done":
        assert process.stdout.readline() == "lowered\n"
    else:
        # Time for the child to begin; TensorFlow's import alone takes longer.
        time.sleep(0.7)
    assert runs(child)
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 10
    while runs(child):
        assert time.monotonic() < end, "the child goes on without its parent"
        time.sleep(0.02)


@pytest.mark.parametrize("parent", ["other thread"], indirect=True)
def test_nothing_is_left_in_the_temporary_folder(parent: tuple[subprocess.Popen[str], int], tmp_path: Path) -> None:
    process, _ = parent
    assert process.stdout is not None
    assert process.stdout.readline() == "lowered\n"
    (folder,) = (tmp_path / "temporary").iterdir()
    # TensorFlow writes the code that it has generated; it goes with the folder.
    assert list(folder.glob("__autograph_generated_file*"))
    process.communicate()
    assert process.returncode == 0
    assert list((tmp_path / "temporary").iterdir()) == []
