from __future__ import annotations

import struct

import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.flatbuffer import FlatBuffer

# By hand: root offset 20; identifier; at 8, the vtable: 8 bytes long, for a table of 12 bytes, with fields at 4 and 8;
# at 20, the table: 12 bytes back to its vtable; field 0 is 7; field 1 points 4 bytes ahead to a string.
HAND_MADE = struct.pack("<I4sHHHHIiiI", 20, b"TEST", 8, 12, 4, 8, 0, 12, 7, 4) + struct.pack("<I3sB", 3, b"abc", 0)


def changed(place: int, value: int, code: str = "<I") -> bytes:
    data = bytearray(HAND_MADE)
    struct.pack_into(code, data, place, value)
    return bytes(data)


def test_reads_what_was_written_by_hand() -> None:
    table = FlatBuffer(HAND_MADE).root()
    assert table.scalar(0, "i") == 7
    assert table.string(1, "text") == "abc"
    assert table.scalar(2, "i", default=5) == 5
    assert table.has(1)
    assert not table.has(2)
    assert table.string(9, "other text") == ""
    assert list(table.tables(9, "child")) == []
    assert table.table(9, "child") is None
    numbers = table.numbers(1, "u1", "bytes")
    assert numbers is not None
    assert numbers.tolist() == [97, 98, 99]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "outside the file", id="empty"),
        pytest.param(HAND_MADE[:20], "outside the file", id="truncated-before-the-root"),
        pytest.param(HAND_MADE[:30], "outside the file", id="truncated-inside-the-root"),
        pytest.param(changed(0, 0xFFFFFFFF), "outside the file", id="root-offset-beyond-the-end"),
        pytest.param(changed(0, 21), "not aligned", id="root-not-aligned"),
        pytest.param(changed(20, 1000, "<i"), "outside the file", id="vtable-before-the-file"),
        pytest.param(changed(20, -1000, "<i"), "outside the file", id="vtable-after-the-file"),
        pytest.param(changed(8, 7, "<H"), "impossible layout", id="odd-vtable"),
        pytest.param(changed(8, 2, "<H"), "impossible layout", id="vtable-too-short"),
        pytest.param(changed(8, 0xFFFE, "<H"), "outside the file", id="vtable-too-long"),
        pytest.param(changed(10, 0xFFFF, "<H"), "outside the file", id="table-too-long"),
        pytest.param(changed(12, 12, "<H"), "field outside itself", id="field-behind-the-table"),
        pytest.param(changed(12, 2, "<H"), "field outside itself", id="field-before-the-table"),
    ],
)
def test_a_damaged_root_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        FlatBuffer(data).root()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(changed(28, 0xFFFFFFF0), "outside the file", id="offset-beyond-the-end"),
        pytest.param(changed(32, 0xFFFFFFFF), "outside the file", id="length-beyond-the-end"),
        pytest.param(changed(32, 4), "outside the file", id="no-room-for-the-end"),
        pytest.param(changed(32, 2), "has no end", id="no-zero-at-the-end"),
    ],
)
def test_a_damaged_string_is_refused(data: bytes, message: str) -> None:
    table = FlatBuffer(data).root()
    with pytest.raises(ModelFileError, match=message):
        table.string(1, "text")


def test_overlapping_parts_run_out_of_budget() -> None:
    buffer = FlatBuffer(bytes(100))
    with pytest.raises(ModelFileError, match="overlap"):
        for _ in range(1000):
            buffer.require(0, 100, "the same bytes")
