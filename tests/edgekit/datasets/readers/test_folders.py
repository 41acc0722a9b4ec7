"""A folder that strangers fill: only regular files are examples."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.datasets.kinds import IMAGES, require_existing
from edgekit.datasets.readers.folders import file_hashes, list_folder
from edgekit.datasets.readers.image_folder import first_image
from edgekit_runtime.errors import DataError

MODEL = Path(__file__).resolve().parents[3] / "data" / "tflite" / "cnn_int8_io_float32.tflite"

#: Id of a user without rights.
_NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images, a link to one, and what is not an image: a pipe, a link to a device, one to nothing, a folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((12, 12), ord(name[0]), np.uint8)).save(folder / name)
    (folder / "c.png").symlink_to(folder / "a.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "nothing.png").symlink_to(tmp_path / "absent.png")
    (folder / "folder.png").mkdir()
    return folder


def test_only_regular_files_are_listed(folder: Path) -> None:
    listing = list_folder(folder, IMAGES.suffixes)
    assert [path.name for path in listing.files] == ["a.png", "b.png", "c.png"]
    hashes = list(file_hashes(listing.files))
    assert hashes[0] == hashes[2] != hashes[1]


def test_the_paths_classes_and_parts_of_a_listing_agree(tmp_path: Path) -> None:
    for name in ("train/a/2.png", "train/a/1.PNG", "train/a/.3.png", "train/b/1.png", "test/b/9.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = list_folder(tmp_path, IMAGES.suffixes)
    paths = [path.relative_to(tmp_path).as_posix() for path in listing.files]
    assert paths == ["train/a/1.PNG", "train/a/2.png", "train/b/1.png", "test/b/9.png"]
    assert listing.classes is not None and listing.classes.tolist() == [0, 0, 1, 1]
    assert listing.held_back is not None and listing.held_back.tolist() == [False, False, False, True]
    assert listing.files[-1].name == "9.png" and [path.name for path in listing.files[1:3]] == ["2.png", "1.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone cannot be read: No such file or directory"):
        list_folder(tmp_path / "gone", IMAGES.suffixes)


@pytest.fixture
def unreadable_class() -> Iterator[Path]:
    """A folder with two classes, one of which this user may not read; root becomes another user meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        for label in ("bird", "cat"):
            (data / label).mkdir()
            Image.new("L", (4, 4)).save(data / label / "1.png")
        data.chmod(0o755)
        (data / "cat").chmod(0o111)
        user = os.geteuid()
        if user == 0:
            os.seteuid(_NOBODY)
        try:
            yield data
        finally:
            os.seteuid(user)
            (data / "cat").chmod(0o755)


def test_a_class_that_this_user_may_not_read_is_named(unreadable_class: Path) -> None:
    with pytest.raises(DataError, match=r"cat cannot be read: Permission denied\."):
        list_folder(unreadable_class, IMAGES.suffixes)


def test_data_that_this_user_may_not_read_is_named(unreadable_class: Path) -> None:
    with pytest.raises(DataError, match=r"cat cannot be read: Permission denied\."):
        require_existing(str(unreadable_class / "cat"))


def test_slices_that_this_user_may_not_read_are_named(unreadable_class: Path) -> None:
    with pytest.raises(DataError, match=r"cat cannot be read: Permission denied\."):
        list_folder(unreadable_class / "cat", IMAGES.suffixes, slice_by="folder")


def test_a_file_that_a_pipe_replaces_after_the_listing_is_not_waited_for(folder: Path) -> None:
    with pytest.raises(OSError, match="a device or pipe"):
        list(file_hashes((folder / "a.png", folder / "pipe.png")))
    for name in ("pipe.png", "zero.png"):
        with pytest.raises(DataError, match="is not a readable image"):
            first_image(folder / name, None, None)


def test_pack_does_not_hang_on_such_a_folder(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgekit", "pack", str(MODEL), "--data", str(folder), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
