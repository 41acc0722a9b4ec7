"""A signature covers every byte that can change an answer or a label; a file that has others is not signed."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_converters.packaging.artifact import append_parts, pack
from edgekit_converters.packaging.signing import new_key, sign
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.tflite.structure import read_model_description
from edgekit_runtime.tflite.tflite_model import TfliteModel

DATA = Path(__file__).resolve().parents[2] / "data"
#: Its weights lie behind the FlatBuffer proper, at 64-bit offsets.
OUTSIDE = (DATA / "tflite" / "dense_buffer_offset.tflite").read_bytes()
PLAIN = (DATA / "tflite" / "dense_float32.tflite").read_bytes()
PRIVATE, PUBLIC = new_key()
ROOM = bytes(4096)


def signed(content: bytes) -> bytes:
    return sign(content, PRIVATE, lambda: "")


def zipped(model: bytes, fill: Callable[[zipfile.ZipFile], object]) -> bytes:
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        fill(archive)
    return file.getvalue()


def in_a_part(model: bytes) -> bytes:
    return zipped(model, lambda archive: archive.writestr("part", ROOM))


def in_a_gap(model: bytes) -> bytes:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("first", "1")
        archive.start_dir += len(ROOM)
        archive.writestr("second", "2")

    return zipped(model, fill)


def before_the_directory(model: bytes) -> bytes:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("first", "1")
        archive.start_dir += len(ROOM)

    return zipped(model, fill)


def in_an_extra_field(model: bytes) -> bytes:
    entry = zipfile.ZipInfo("first")
    entry.extra = struct.pack("<HH", 0xCAFE, len(ROOM)) + ROOM
    return zipped(model, lambda archive: archive.writestr(entry, "1"))


def in_the_comment_of_a_part(model: bytes) -> bytes:
    entry = zipfile.ZipInfo("first")
    entry.comment = ROOM
    return zipped(model, lambda archive: archive.writestr(entry, "1"))


def in_the_comment_of_the_zip(model: bytes) -> bytes:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("first", "1")
        archive.comment = ROOM

    return zipped(model, fill)


PLACES = [
    in_a_part,
    in_a_gap,
    before_the_directory,
    in_an_extra_field,
    in_the_comment_of_a_part,
    in_the_comment_of_the_zip,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_weights_behind_the_flatbuffer_are_refused_everywhere(place: Callable[[bytes], bytes]) -> None:
    weights = max(read_model_description(OUTSIDE).tensors, key=lambda tensor: tensor.size_bytes)
    before = struct.pack("<Q", weights.data_offset)
    assert OUTSIDE.count(before) == 1
    target = place(OUTSIDE).index(ROOM, len(OUTSIDE)) + 16
    hostile = place(OUTSIDE.replace(before, struct.pack("<Q", target)))
    for use in (edgekit_runtime.load, read_model_description, signed, lambda c: pack(TfliteModel(c), Manifest())):
        with pytest.raises(ModelFileError, match="data outside the file's FlatBuffer"):
            use(hostile)


@pytest.mark.parametrize("offset", [len(OUTSIDE), len(OUTSIDE) + 1, 2**32, 2**63, 2**64 - 1])
def test_an_offset_beyond_the_end_is_refused_with_and_without_a_zip(offset: int) -> None:
    weights = max(read_model_description(OUTSIDE).tensors, key=lambda tensor: tensor.size_bytes)
    hostile = OUTSIDE.replace(struct.pack("<Q", weights.data_offset), struct.pack("<Q", offset))
    for content in (hostile, append_parts(hostile, {"labels.txt": b"one\ntwo\n"})):
        with pytest.raises(ModelFileError, match="data outside the file's FlatBuffer"):
            read_model_description(content)


@pytest.mark.parametrize("place", PLACES[1:], ids=lambda place: place.__name__)
def test_bytes_that_no_signature_covers_are_not_signed(place: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ModelFileError, match="bytes that a signature does not cover"):
        signed(place(PLAIN))
    # Without a signature the file of another tool loads as before.
    edgekit_runtime.load(place(PLAIN))


def test_a_gap_made_in_a_signed_file_is_refused_with_and_without_the_key() -> None:
    content = signed(pack(TfliteModel(PLAIN), Manifest(labels=("one", "two"))))
    second = content.index(b"PK\x03\x04", content.index(b"PK\x03\x04") + 4)
    directory = content.index(b"PK\x01\x02")
    gap = bytes(32)
    tail = bytearray(gap + content[second:])
    position = directory - second + len(gap)
    for number in range(content.count(b"PK\x01\x02")):
        name_size = struct.unpack_from("<H", tail, position + 28)[0]
        if number:
            struct.pack_into("<I", tail, position + 42, struct.unpack_from("<I", tail, position + 42)[0] + len(gap))
        position += 46 + name_size
    struct.pack_into("<I", tail, position + 16, directory + len(gap))
    hostile = content[:second] + bytes(tail)
    assert zipfile.ZipFile(io.BytesIO(hostile)).testzip() is None
    for key in (PUBLIC, None):
        with pytest.raises(ModelFileError, match="a gap or an overlap before"):
            edgekit_runtime.load(hostile, public_key=key)


def test_no_flipped_byte_of_a_signed_file_changes_an_answer_or_a_label() -> None:
    content = signed(pack(TfliteModel(PLAIN), Manifest(labels=("one", "two", "three"))))
    sample = np.linspace(-1, 1, 6, dtype=np.float32)[np.newaxis]
    model = edgekit_runtime.load(content)
    sample = np.resize(sample, (1, *model.inputs[0].shape[1:]))
    answer, manifest = model.predict(sample), model.manifest
    zip_start = content.index(b"PK\x03\x04")
    accepted = 0
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        try:
            model = edgekit_runtime.load(bytes(flipped), public_key=PUBLIC)
        except ModelFileError:
            continue
        accepted += 1
        # Dates and rights of the zip's entries, which nothing here reads.
        assert place >= zip_start
        np.testing.assert_array_equal(model.predict(sample), answer)
        assert (model.labels, model.manifest) == (manifest.labels, manifest)
    assert 0 < accepted < 200


@pytest.mark.parametrize("change", [b" ", b"PK\x05\x06" + bytes(18)], ids=["a byte", "an empty zip"])
def test_bytes_after_a_signed_file_are_refused(change: bytes) -> None:
    with pytest.raises(ModelFileError):
        edgekit_runtime.load(signed(PLAIN) + change, public_key=PUBLIC)


def test_bytes_before_the_zip_of_a_signed_file_are_refused() -> None:
    content = signed(PLAIN)
    hostile = content[: len(PLAIN)] + bytes(64) + content[len(PLAIN) :]
    with pytest.raises(ModelFileError):
        edgekit_runtime.load(hostile, public_key=PUBLIC)


def test_a_parsed_model_is_held_against_digest_and_key_as_its_bytes_are() -> None:
    content = signed(pack(TfliteModel(PLAIN), Manifest(labels=("one", "two", "three"))))
    assert edgekit_runtime.load(TfliteModel(content), public_key=PUBLIC).labels == ("one", "two", "three")
    weights = next(tensor for tensor in TfliteModel(content).description.tensors if tensor.is_constant)
    changed = bytearray(content)
    changed[weights.data_offset] ^= 1
    # Sound in its structure, and so it can be parsed; not what was packed and signed.
    for key in (None, PUBLIC):
        with pytest.raises(ModelFileError):
            edgekit_runtime.load(TfliteModel(bytes(changed)), public_key=key)
    with pytest.raises(ModelFileError):
        edgekit_runtime.load(TfliteModel(PLAIN), public_key=PUBLIC)


def test_a_file_that_version_0_1_0_packed_and_signed_still_loads() -> None:
    key = (DATA / "packed" / "cnn_0.1.0.pub.pem").read_bytes()
    model = edgekit_runtime.load(DATA / "packed" / "cnn_0.1.0.tflite", public_key=key, verify=True)
    assert model.labels == tuple(f"digit {number}" for number in range(10))
    assert model.preprocessing is not None
    assert model.preprocessing.value_range == (-1.0, 1.0)


def test_a_release_number_is_packed_and_signed() -> None:
    whole = pack(TfliteModel(PLAIN), Manifest(labels=("a", "b"), provenance={"quantize": "none"}))
    content = sign(signed(whole), PRIVATE, lambda: "", release=7)
    manifest = edgekit_runtime.load(content, public_key=PUBLIC).manifest
    assert (manifest.release, manifest.labels, manifest.provenance["quantize"]) == (7, ("a", "b"), "none")
    # Without a number, the packed one stays; a model that nothing was packed into can have one, too.
    assert edgekit_runtime.load(signed(content), public_key=PUBLIC).manifest.release == 7
    assert edgekit_runtime.load(sign(PLAIN, PRIVATE, lambda: "", release=0), public_key=PUBLIC).manifest.release == 0
    assert edgekit_runtime.load(signed(whole)).manifest.release is None
