"""Untrusted image files: their size is limited before they are decoded, and only regular files are opened."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import DataError, EdgekitError
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS, decode_image, is_pillow_image, row_blocks
from edgekit_runtime.inputs.preprocessing import Preprocessing

pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
ImageOps = pytest.importorskip("PIL.ImageOps", reason="Pillow is not installed")


def png_header(width: int, height: int) -> bytes:
    """A PNG that states its size but does not contain pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8001, 4000), (12_000, 9_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("warnings_are", ["ignore", "error"])
def test_an_image_of_too_many_pixels_is_refused_by_its_header(
    width: int, height: int, warnings_are: Literal["ignore", "error"], tmp_path: Path
) -> None:
    warnings.simplefilter(warnings_are)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(width, height))
    for image in (path, path.read_bytes()):
        with pytest.raises(DataError, match="too many pixels") as error:
            Preprocessing(8, 8, 3).pixels(image)
        assert "32,000,000" in error.value.expected


def test_the_limit_is_the_caller_s(tflite_folder: Path) -> None:
    file = io.BytesIO()
    pillow.new("L", (100, 100)).save(file, "PNG")
    path = tflite_folder / "cnn_int8_io_int8.tflite"
    assert edgekit_runtime.load(path, max_image_pixels=10_000).classify(file.getvalue())
    with pytest.raises(DataError, match="too many pixels"):
        edgekit_runtime.load(path, max_image_pixels=9_999).classify(file.getvalue())
    assert MAX_IMAGE_PIXELS == 32_000_000


MEASURE = """
import sys
import edgekit_runtime
from PIL import Image

def of_this_process(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) * 1024

model = edgekit_runtime.load(sys.argv[1])
model.classify(Image.new("RGBA", (50, 50)))
before = of_this_process("VmRSS")
image = open(sys.argv[2], "rb").read() if sys.argv[3] == "bytes" else sys.argv[2]
if sys.argv[3] == "opened":
    image = Image.open(image)
model.classify(image)
print(of_this_process("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports a process's peak memory")
@pytest.mark.parametrize(
    ("mode", "given", "orientation"),
    [("RGBA", "path", 1), ("RGBA", "opened", 6), ("P", "bytes", 1), ("LA", "path", 1)],
)
def test_eight_bytes_a_pixel_are_enough_beside_the_decoded_image(
    mode: str, given: str, orientation: int, tflite_folder: Path, tmp_path: Path
) -> None:
    pixels = 16_000_000
    exif = pillow.Exif()
    exif[0x0112] = orientation
    pillow.new(mode, (4000, 4000), 3 if mode == "P" else None).save(tmp_path / "a.png", exif=exif, compress_level=1)
    command = [sys.executable, "-c", MEASURE, str(tflite_folder / "cnn_int8_io_int8.tflite"), str(tmp_path / "a.png")]
    done = subprocess.run([*command, given], capture_output=True, text=True, check=True)
    # Pillow stores an image in 4 bytes per pixel, and one with a palette in 1 byte per pixel.
    decoded = pixels * (1 if mode == "P" else 4)
    # The rest is code, of which an emulator keeps a second, translated copy.
    assert int(done.stdout) < decoded + 8 * pixels + 16_000_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "HSV", "PA"])
@pytest.mark.parametrize("size", [(700, 250), (3, 2), (70_000, 2)])
def test_blocks_of_rows_give_the_pixels_of_the_whole_image(mode: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    if mode in ("I;16", "I", "F"):
        values = rng.integers(0, 65536, size[::-1]).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode])
        image = pillow.fromarray(values)
    else:
        grey = pillow.fromarray(rng.integers(0, 256, (*size[::-1], 4), np.uint8))
        image = grey.convert("RGB").convert(mode) if mode in ("P", "CMYK", "YCbCr", "HSV", "1") else grey.convert(mode)
    if mode == "P":
        image.info["transparency"] = 7
    if mode in ("I;16", "I"):
        expected = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
    elif mode in ("L", "LA", "RGB", "RGBA"):
        expected = np.asarray(image)
    else:
        expected = np.asarray(image.convert({"1": "L", "F": "L", "P": "RGBA", "PA": "RGBA"}.get(mode, "RGB")))
    np.testing.assert_array_equal(decode_image(image, 10**9), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_tag_says(orientation: int) -> None:
    image = pillow.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    exif = pillow.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    with pillow.open(file) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(decode_image(file.getvalue(), 100), expected)


def test_row_blocks_cover_every_row_once() -> None:
    for rows, columns in ((0, 0), (1, 1), (5000, 30), (3, 10**6), (65_536, 1), (65_537, 1)):
        covered = [row for block in row_blocks(rows, columns) for row in range(block.start, block.stop)]
        assert covered == list(range(rows))


ASK = """
import sys
import edgekit_runtime
from edgekit_runtime.errors import DataError

model = edgekit_runtime.load(sys.argv[1])
for path in sys.argv[2:]:
    for ask in (model.classify, lambda path: model.classify([path]), lambda path: list(model.stream([path], top_k=1))):
        try:
            ask(path)
        except DataError as error:
            print(error.problem.replace(path, "It"))
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_a_device_and_a_link_to_one_are_refused_at_once(tflite_folder: Path, tmp_path: Path) -> None:
    """Runs in a separate process, which would wait for the pipe or read the device forever."""
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    paths = (tmp_path / "pipe.png", tmp_path / "zero.png", Path("/dev/zero"), tmp_path)
    command = [sys.executable, "-c", ASK, str(tflite_folder / "cnn_int8_io_int8.tflite"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["It is a device or pipe, not an image."] * 9 + [
        "It is a folder, not an image.",
        "It is a folder, not an image.",
        "It is a folder, not an image.",
    ]


def test_a_path_with_a_zero_byte_or_half_a_character_is_a_sentence(tflite_folder: Path) -> None:
    model = edgekit_runtime.load(tflite_folder / "cnn_int8_io_int8.tflite")
    for path in ("a\0b.png", "\ud800.png"):
        for ask in (model.classify, edgekit_runtime.load):
            with pytest.raises(EdgekitError) as error:
                ask(path)
            str(error.value).encode()


def test_formats_whose_decoder_runs_code_are_not_read(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    eps = f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n({marker}) (w) file closefile\nshowpage\n"
    (tmp_path / "a.png").write_text(eps)
    with pytest.raises(DataError, match="not an image that Pillow can read"):
        Preprocessing(8, 8, 3).pixels(tmp_path / "a.png")
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_are_sentences() -> None:
    rng = np.random.default_rng(3)
    for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM"):
        file = io.BytesIO()
        pillow.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(file, kind)
        for _ in range(100):
            damaged = bytearray(file.getvalue())
            for place in rng.integers(0, len(damaged), 4):
                damaged[place] = rng.integers(0, 256)
            with contextlib.suppress(DataError):
                Preprocessing(8, 8, 3).pixels(bytes(damaged[: rng.integers(1, len(damaged) + 1)]))


@pytest.mark.parametrize(
    ("content", "is_heic"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(100), True),
        (b"\0\0\0\x18ftypmif1" + bytes(100), True),
        (b"\0\0\0\x18ftypisom" + bytes(100), False),
        (b"ftypheic", False),
        (b"", False),
    ],
    ids=["heic", "mif1", "a film", "no size before it", "empty"],
)
def test_a_phones_heic_image_gets_its_own_advice(content: bytes, is_heic: bool) -> None:
    with pytest.raises(DataError, match="not an image that Pillow can read") as caught:
        decode_image(content, MAX_IMAGE_PIXELS)
    assert ("pillow-heif" in caught.value.next_step) == is_heic
    assert (caught.value.received == "a HEIC image") == is_heic


def test_pillow_while_another_thread_imports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # What sys.modules holds then: the module without its classes.
    monkeypatch.setitem(sys.modules, "PIL.Image", ModuleType("PIL.Image"))
    assert not is_pillow_image(b"encoded")
