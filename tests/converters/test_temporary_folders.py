"""What a killed process leaves is removed by the next run; what a living one uses is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgekit_converters.temporary_folders import private_temporary_files, temporary_folder, temporary_folder_in

WAITS_IN_A_FOLDER = (
    "import sys\n"
    "from edgekit_converters.temporary_folders import temporary_folder\n"
    "with temporary_folder('lowering') as folder:\n"
    "    (folder / 'request.json').touch()\n"
    "    print(folder, flush=True)\n"
    "    sys.stdin.read()\n"
)
MAKES_ONE_FOLDER = (
    "from edgekit_converters.temporary_folders import temporary_folder\nwith temporary_folder('check'): pass\n"
)


def run(program: str, place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(place)},
    )


def test_a_folder_is_there_inside_the_block_only(tmp_path: Path) -> None:
    with temporary_folder_in(tmp_path) as folder:
        (folder / "file").touch()
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_that_is_in_use(tmp_path: Path) -> None:
    killed, alive = run(WAITS_IN_A_FOLDER, tmp_path), run(WAITS_IN_A_FOLDER, tmp_path)
    assert killed.stdout is not None
    assert alive.stdout is not None
    of_killed, of_alive = Path(killed.stdout.readline().strip()), Path(alive.stdout.readline().strip())
    killed.kill()
    killed.wait()
    assert of_killed.is_dir()
    assert run(MAKES_ONE_FOLDER, tmp_path).wait() == 0
    assert not of_killed.exists()
    assert (of_alive / "request.json").is_file()
    alive.communicate()
    assert list(tmp_path.iterdir()) == []


def test_names_that_others_may_have_chosen_are_left_alone(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    for folder in (place, elsewhere, place / "edgekit-other", place / "other.tmp"):
        folder.mkdir()
    (elsewhere / "precious").touch()
    (place / "edgekit-link.tmp").symlink_to(elsewhere)
    (place / "edgekit-file.tmp").touch()
    os.mkfifo(place / "edgekit-pipe.tmp")
    before = sorted(place.iterdir())
    assert run(MAKES_ONE_FOLDER, place).wait() == 0
    assert sorted(place.iterdir()) == before
    assert (elsewhere / "precious").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "edgekit-lowering-x.tmp"
    foreign.mkdir()
    os.chown(foreign, 12345, 12345)
    assert run(MAKES_ONE_FOLDER, tmp_path).wait() == 0
    assert foreign.is_dir()


def test_libraries_write_into_a_folder_that_goes_away() -> None:
    before = tempfile.gettempdir()
    with private_temporary_files("train"):
        handle, name = tempfile.mkstemp()
        os.close(handle)
        assert tempfile.gettempdir() != before
    assert not Path(name).exists()
    assert tempfile.gettempdir() == before


def test_folders_that_begin_at_the_same_time_do_not_remove_each_other(tmp_path: Path) -> None:
    program = (
        "from edgekit_converters import temporary_folders\n"
        "for _ in range(200):\n"
        "    temporary_folders._remove_abandoned.cache_clear()\n"
        "    with temporary_folders.temporary_folder('lowering') as folder:\n"
        "        (folder / 'file').touch()\n"
        "        assert (folder / 'file').is_file()\n"
    )
    assert [each.wait() for each in [run(program, tmp_path) for _ in range(4)]] == [0] * 4
    with temporary_folder("lowering"):
        assert list(tmp_path.iterdir()) == []
