from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import DataError
from edgekit_runtime.sound.wav import read_wav, read_wav_header, read_wav_start, to_floats, wav_blocks

#: The first sample is half of full scale, the second the lowest value, the third silence.
WANTED = [0.5, -1.0, 0.0]
INT24 = b"\x00\x00\x40" + b"\x00\x00\x80" + b"\x00\x00\x00"

MakeWav = Callable[..., bytes]


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        pytest.param(bytes([192, 0, 128]), {"bits": 8}, id="8-bit"),
        pytest.param(struct.pack("<3h", 16384, -32768, 0), {}, id="16-bit"),
        pytest.param(struct.pack(">3h", 16384, -32768, 0), {"order": ">"}, id="16-bit-big-endian"),
        pytest.param(INT24, {"bits": 24}, id="24-bit"),
        pytest.param(b"\x40\x00\x00\x80\x00\x00\x00\x00\x00", {"bits": 24, "order": ">"}, id="24-bit-big-endian"),
        pytest.param(INT24, {"bits": 20}, id="20-bit-in-24"),
        pytest.param(struct.pack("<3i", 2**30, -(2**31), 0), {"bits": 32}, id="32-bit"),
        pytest.param(struct.pack("<3f", *WANTED), {"bits": 32, "code": 3}, id="float32"),
        pytest.param(struct.pack("<3d", *WANTED), {"bits": 64, "code": 3}, id="float64"),
        pytest.param(INT24, {"bits": 24, "sub_format": 1}, id="extensible-24-bit"),
        pytest.param(struct.pack("<3f", *WANTED), {"bits": 32, "sub_format": 3}, id="extensible-float"),
        pytest.param(INT24, {"bits": 24, "before": b"LIST\x04\0\0\0INFO"}, id="list-before"),
        pytest.param(INT24, {"bits": 24, "before": b"junk\x03\0\0\0abc\0"}, id="odd-chunk-padded"),
        pytest.param(INT24, {"bits": 24, "before": b"junk\x03\0\0\0abc"}, id="odd-chunk-not-padded"),
        pytest.param(INT24, {"bits": 24, "after": b"LIST\x04\0\0\0INFO"}, id="list-after"),
        pytest.param(INT24, {"bits": 24, "riff_size": 7}, id="wrong-riff-size"),
        pytest.param(INT24[:9], {"bits": 24, "data_size": 0xFFFFFFFF}, id="length-unknown-when-written"),
        pytest.param(struct.pack("<3h", 16384, -32768, 0), {"data_size": 0, "riff_size": 0}, id="never-finished"),
    ],
)
def test_encodings_and_headers(make_wav: MakeWav, samples: bytes, options: dict[str, object]) -> None:
    rate, values = read_wav(make_wav(samples, **options))
    assert rate == 16_000
    assert values.dtype == np.float32
    assert values[:3].tolist() == [[value] for value in WANTED]


def test_channels_are_columns(make_wav: MakeWav, tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    path.write_bytes(make_wav(struct.pack("<6h", 1, -1, 2, -2, 3, -3), channels=2, rate=44_100))
    rate, values = read_wav(path)
    assert rate == 44_100
    assert (values * 32768).tolist() == [[1, -1], [2, -2], [3, -3]]
    header = read_wav_header(path)
    assert (header.sample_rate, header.channels, header.frames, header.encoding) == (44_100, 2, 3, "i2")


def test_blocks_and_starts(make_wav: MakeWav) -> None:
    file = make_wav(np.arange(10, dtype="<i2").tobytes())
    assert [(block[:, 0] * 32768).tolist() for block in wav_blocks(file, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [len(read_wav_start(file, lambda rate: rate // 4000)[1])] == [4]


@pytest.mark.parametrize(
    ("content", "received"),
    [
        pytest.param(b"", "an empty file", id="no-bytes"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), "another kind", id="image"),
        pytest.param(b"RIFF\x04\0\0\0WAVE", "an end before the samples", id="no-chunks"),
        pytest.param(b"RIFF\x04\0\0\0WAVE" + b"data\x02\0\0\0\0\0", "samples before their format", id="no-format"),
        pytest.param(b"RIFF\x04\0\0\0WAVE" + b"fmt \x02\0\0\0\0\0", "a format of 2 bytes", id="short-format"),
        pytest.param(b"RIFF\x04\0\0\0WAVE" + b"abcd\0\0\0\0" * 5000, "an end before the samples", id="5000-chunks"),
        pytest.param(b"RIFF\x04\0\0\0WAVE" + b"abcd\xff\xff\xff\xff", "an end before the samples", id="huge-chunk"),
    ],
)
def test_damaged_files_are_refused(content: bytes, received: str) -> None:
    with pytest.raises(DataError) as error:
        read_wav(content)
    assert received in error.value.received
    assert error.value.next_step


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"data_size": 100}, "truncated", id="truncated"),
        pytest.param({"data_size": 10 * 3600 * 32_000}, "truncated", id="ten-hours-claimed"),
        pytest.param({"data_size": 0}, "empty", id="no-samples"),
        pytest.param({"rate": 0}, "header that cannot be right", id="rate-0"),
        pytest.param({"rate": 4_000_000_000}, "header that cannot be right", id="rate-huge"),
        pytest.param({"channels": 0}, "header that cannot be right", id="no-channels"),
        pytest.param({"channels": 65_000, "bits": 8}, "header that cannot be right", id="channels-huge"),
        pytest.param({"code": 7, "bits": 8}, "encoding that is not supported", id="mu-law"),
        pytest.param({"code": 85}, "encoding that is not supported", id="mp3"),
        pytest.param({"bits": 0}, "encoding that is not supported", id="0-bits"),
        pytest.param({"bits": 64}, "encoding that is not supported", id="64-bit-integers"),
    ],
)
def test_impossible_headers_are_refused(make_wav: MakeWav, options: dict[str, int], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_wav(make_wav(bytes(12), **options))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30, 32767.0])
def test_values_that_no_recording_has_are_refused(make_wav: MakeWav, value: float) -> None:
    with pytest.raises(DataError, match="values far from those"):
        read_wav(make_wav(struct.pack("<2f", 0, value), bits=32, code=3))


def test_ten_hours_are_streamed_but_not_read_at_once(make_wav: MakeWav, tmp_path: Path) -> None:
    path, seconds = tmp_path / "night.wav", 36_000
    head = make_wav(b"", rate=1000, bits=8, data_size=1000 * seconds)
    with path.open("wb") as file:
        file.write(head)
        # A sparse file: the zeros need no space.
        file.truncate(len(head) + 1000 * seconds)
    assert read_wav_header(path).frames == 1000 * seconds
    with pytest.raises(DataError, match="too long") as error:
        read_wav(path, max_samples=1_000_000)
    assert "wav_blocks" in error.value.next_step
    assert next(wav_blocks(path, 500)).shape == (500, 1)
    assert read_wav_start(path, lambda rate: rate)[1].shape == (1000, 1)


def test_missing_files_folders_and_pipes_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(DataError, match="a folder"):
        read_wav(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_wav("a\0b.wav")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(DataError, match="device or pipe"):
            read_wav(tmp_path / "pipe.wav")


def test_every_mutation_is_read_or_refused(make_wav: MakeWav) -> None:
    whole = make_wav(np.arange(8, dtype="<i2").tobytes(), before=b"LIST\x04\0\0\0INFO", sub_format=1)
    random = np.random.default_rng(0)
    for _ in range(2000):
        file = bytearray(whole)
        for place in random.integers(0, len(file), 3):
            file[place] = random.integers(0, 256)
        try:
            rate, values = read_wav(bytes(file[: random.integers(1, len(file) + 1)]))
        except DataError:
            continue
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert rate >= 1000


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "complex64", "U3"])
def test_arrays_of_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(DataError, match="does not contain samples"):
        to_floats(np.zeros(3, dtype))
