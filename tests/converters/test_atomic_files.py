"""A reader sees the old file or the new one, never half."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit_converters.atomic_files import replacing, require_place, write_bytes, write_text
from edgekit_runtime.errors import EdgekitError


def test_writes_new_and_replaces_old(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.tflite"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "labels.txt", "köttbulle\n")
    assert (tmp_path / "labels.txt").read_bytes() == b"k\xc3\xb6ttbulle\n"


def test_the_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "atomic", b"x")
    (tmp_path / "plain").write_bytes(b"x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_failing_block_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="halfway"), replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("halfway")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_has_the_same_name_beside_its_place(tmp_path: Path) -> None:
    with replacing(tmp_path / "model.keras") as temporary:
        temporary.touch()
        assert temporary.name == "model.keras"
        assert temporary.parent.parent == tmp_path


def test_a_file_that_cannot_grow_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(EdgekitError, match=r"model\.tflite could not be written") as caught:
            write_bytes(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "free some space" in caught.value.next_step
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EdgekitError, match="could not be written"):
        write_bytes(tmp_path / "file" / "model.tflite", b"x")


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    program = (
        "import sys, time, pathlib\n"
        "from edgekit_converters.atomic_files import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "received", "next_step"),
    [("folder", "Is a directory", "name a file, not a folder"), ("file/x.tflite", "file is a file", "in a folder")],
)
def test_a_path_that_cannot_become_a_file_is_refused_before_any_work(
    name: str, received: str, next_step: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(EdgekitError, match="could not be written") as caught:
        require_place(tmp_path / name)
    assert received in str(caught.value.received)
    assert next_step in str(caught.value.next_step)


def test_a_path_in_folders_that_do_not_exist_yet_can_become_a_file(tmp_path: Path) -> None:
    require_place(tmp_path / "a" / "b" / "model.tflite")
    assert list(tmp_path.iterdir()) == []
