"""A reader sees the old file or the new one, never half."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit_converters.atomic_files import replacing, replacing_together, require_place, write_bytes, write_text
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


def test_what_hdf5_says_of_a_full_disk_becomes_one_sentence(tmp_path: Path) -> None:
    # As h5py 3.14 raises it, a time and the address of a buffer included.
    said = (
        "[Errno 28] Can't synchronously write data (file write failed: time = Sat Nov 28 12:35:09 2026\n"
        ", filename = 'model.h5', file descriptor = 4, errno = 28, error message = 'No space left on device', "
        "buf = 0x55ffe613be08, total write size = 128, bytes this sub-write = 128, offset = 15688)"
    )
    with (
        pytest.raises(EdgekitError, match=r"model\.h5 could not be written") as caught,
        replacing(tmp_path / "model.h5"),
    ):
        raise OSError(said)
    assert caught.value.received == "No space left on device"
    assert "free some space" in caught.value.next_step


def test_files_are_replaced_together_or_not_at_all(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("old")
    with pytest.raises(RuntimeError), replacing_together(tmp_path, last="a.txt") as folder:
        (folder / "b.txt").write_text("new")
        raise RuntimeError("halfway")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EdgekitError, match="could not be written"), replacing_together(tmp_path, last="") as folder:
        (folder / "a.txt").write_text("new")
        (folder / "folder").write_text("new")
    assert {path.read_text() for path in tmp_path.glob("*.txt")} == {"old"}
    with replacing_together(tmp_path, last="a.txt") as folder:
        for name in ("a.txt", "b.txt"):
            (folder / name).write_text("new")
    assert {path.read_text() for path in tmp_path.glob("*.txt")} == {"new"}
    assert not list(tmp_path.glob(".edgekit-*"))
    # The one that says what the others are is renamed last.
    times = {path.name: path.stat().st_ctime_ns for path in tmp_path.glob("*.txt")}
    assert times["a.txt"] >= times["b.txt"]


def test_what_a_killed_writer_left_is_removed_by_the_next_run(tmp_path: Path) -> None:
    kill_a_writer(tmp_path / "model.tflite")
    assert list(tmp_path.glob(".edgekit-*"))
    program = (
        "import sys, pathlib\nfrom edgekit_converters.atomic_files import write_bytes\n"
        "write_bytes(pathlib.Path(sys.argv[1]), b'new')\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "model.tflite")], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]


def test_a_folder_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EdgekitError, match="could not be written"):
        write_bytes(tmp_path / "file" / "model.tflite", b"x")


def kill_a_writer(path: Path) -> None:
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


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    kill_a_writer(path)
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
