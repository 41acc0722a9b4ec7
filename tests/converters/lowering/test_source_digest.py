"""The digest is that of the bytes that were read, whatever happens to the path meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit_converters.lowering.source_digest import digest, read_unchanged
from edgekit_runtime.errors import ModelFileError


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_s_digest_is_its_sha256_and_a_folder_s_names_its_files(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"index")
    assert digest(tmp_path / "saved_model.pb") == sha256(b"graph")
    whole = b"".join(
        name + b"\0" + hashlib.sha256(content).digest()
        for name, content in ((b"saved_model.pb", b"graph"), (b"variables/variables.index", b"index"))
    )
    assert digest(tmp_path) == sha256(whole)


def replace_file(path: Path) -> None:
    (path.parent / "other").write_bytes(b"new")
    (path.parent / "other").replace(path)


def write_in_place(path: Path) -> None:
    path.write_bytes(b"new")


@pytest.mark.parametrize("change", [replace_file, write_in_place])
def test_a_source_that_changes_once_is_read_again(change: Callable[[Path], None], tmp_path: Path) -> None:
    source = tmp_path / "model.h5"
    source.write_bytes(b"old")
    contents = []

    def read() -> bytes:
        contents.append(source.read_bytes())
        if len(contents) == 1:
            change(source)
        return contents[-1]

    assert read_unchanged(source, read) == (b"new", sha256(b"new"))
    assert contents == [b"old", b"new"]


def test_content_that_was_replaced_and_restored_meanwhile_is_read_again(tmp_path: Path) -> None:
    source = tmp_path / "model.h5"
    source.write_bytes(b"old")
    contents = []

    def read() -> bytes:
        if not contents:
            replace_file(source)
        contents.append(source.read_bytes())
        source.write_bytes(b"old") if len(contents) == 1 else None
        return contents[-1]

    assert read_unchanged(source, read) == (b"old", sha256(b"old"))


def test_damage_by_a_change_is_no_error_but_damage_is(tmp_path: Path) -> None:
    source = tmp_path / "model.h5"
    source.write_bytes(b"old")
    attempts = []

    def read() -> bytes:
        attempts.append(source.read_bytes())
        if attempts[-1] == b"old":
            source.write_bytes(b"new")
            raise ModelFileError("half of each")
        return attempts[-1]

    assert read_unchanged(source, read)[0] == b"new"

    def fail() -> bytes:
        raise ModelFileError("damaged")

    with pytest.raises(ModelFileError, match="damaged"):
        read_unchanged(source, fail)


def test_a_source_that_never_rests_is_a_sentence(tmp_path: Path) -> None:
    source = tmp_path / "model.h5"
    source.write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"model\.h5 changed while it was read, 3 times in a row"):
        read_unchanged(source, lambda: source.write_bytes(source.read_bytes() + b"x"))


def test_a_missing_source_is_what_reading_says_of_it(tmp_path: Path) -> None:
    def read() -> bytes:
        raise ModelFileError("There is no such file.")

    with pytest.raises(ModelFileError, match="no such file"):
        read_unchanged(tmp_path / "absent.h5", read)
