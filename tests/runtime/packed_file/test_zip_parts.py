"""Compares the zip reader with the standard library's zipfile, which writes the files that it reads."""

from __future__ import annotations

import io
import random
import zipfile

import pytest

from edgekit_runtime.packed_file.zip_parts import list_parts, unpack_part

MODEL = b"\x1c\0\0\0TFL3" + bytes(range(256))
PARTS = {"labels.txt": b"one\ntwo\n", "edgekit.json": b'{"a": [' + b"1, " * 500 + b"2]}", "empty": b""}


def zipped(method: int, comment: bytes = b"", before: bytes = MODEL) -> bytes:
    file = io.BytesIO(before)
    with zipfile.ZipFile(file, "a", method) as parts:
        parts.comment = comment
        for name, content in PARTS.items():
            parts.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("comment", [b"", b"a comment"], ids=["plain", "with-comment"])
def test_reads_what_zipfile_wrote(method: int, comment: bytes) -> None:
    content = zipped(method, comment)
    parts = list_parts(content)
    assert {part.name: unpack_part(content, part) for part in parts} == PARTS
    assert parts[0].start == len(MODEL)


def test_places_counted_from_the_start_of_the_zip() -> None:
    content = MODEL + zipped(zipfile.ZIP_DEFLATED, before=b"")
    assert [unpack_part(content, part) for part in list_parts(content)] == list(PARTS.values())
    assert list_parts(content)[0].start == len(MODEL)


def test_without_a_zip_there_are_no_parts() -> None:
    assert list_parts(MODEL) == []


def test_an_unusual_method_is_refused() -> None:
    content = zipped(zipfile.ZIP_BZIP2)
    with pytest.raises(ValueError, match="packed by method 12"):
        unpack_part(content, list_parts(content)[0])


def test_damage_is_an_error_or_changes_no_content() -> None:
    sound = zipped(zipfile.ZIP_DEFLATED)
    dice = random.Random(5)
    for _ in range(3000):
        damaged = bytearray(sound)
        damaged[dice.randrange(len(MODEL), len(sound))] ^= 1 << dice.randrange(8)
        content = bytes(damaged[: dice.choice((len(sound), dice.randrange(len(MODEL), len(sound))))])
        try:
            for part in list_parts(content):
                # A flipped bit in a name results in another name; the content is protected by its checksum.
                assert unpack_part(content, part) in PARTS.values()
        except ValueError:
            pass


def test_a_part_that_unpacks_to_more_than_it_says_is_refused() -> None:
    content = bytearray(zipped(zipfile.ZIP_DEFLATED))
    part = next(p for p in list_parts(bytes(content)) if p.name == "edgekit.json")
    with pytest.raises(ValueError, match="checksum"):
        unpack_part(bytes(content), part._replace(size=10))
