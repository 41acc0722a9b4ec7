"""Large files are mapped: with every check that a file in memory gets, and safe from programs that change them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.packed_file import known_digest, mapped_file
from edgekit_runtime.packed_file.mapped_file import MappedFile, map_file
from edgekit_runtime.packed_file.model_file import open_model_file

Arrays = dict[str, np.ndarray]
NAME = "cnn_float32"

TRUNCATE = """
import sys
file = open(sys.argv[1], "r+b")  # Waits for the lease.
file.truncate(0)
file.write(b"other")
"""
#: Replaces and overwrites the file in turn, for as long as its parent lives.
OVERWRITE = """
import os, sys
path, *others = sys.argv[1:]
contents = [open(other, "rb").read() for other in others]
while os.getppid() != 1:
    for content in contents:
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.replace(path + ".new", path)
        with open(path, "r+b") as file:
            file.truncate(len(content) // 2)
            file.write(content[::-1])
"""
LOAD = """
import subprocess, sys
import numpy as np
import edgekit_runtime
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.packed_file import mapped_file
mapped_file.SMALLEST_MAPPED_BYTES = 0
overwriter, path, *others = sys.argv[1:]
images = np.random.default_rng(0).random((2, 12, 12, 1)).astype(np.float32)
expected = [edgekit_runtime.load(other).predict(images) for other in others[:2]]
writer = subprocess.Popen([sys.executable, "-c", overwriter, path, *others])
answers = errors = 0
try:
    while answers < 40 or errors < 40:
        try:
            model = edgekit_runtime.load(path)
            for _ in range(3):
                answer = model.predict(images)
                assert any(np.array_equal(answer, one) for one in expected), answer
            answers += 1
        except EdgekitError:
            errors += 1
finally:
    writer.kill()
    writer.wait()
print("done")
"""


@pytest.fixture(autouse=True)
def everything_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files count as large; skips where there are no leases."""
    monkeypatch.setattr(mapped_file, "SMALLEST_MAPPED_BYTES", 0)
    path = tmp_path / "probe"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        if map_file(file, str(path)) is None:
            pytest.skip("this system has no file leases")


@pytest.fixture
def packed(tmp_path: Path, tflite_folder: Path) -> Path:
    """A model with a digest."""
    path = tmp_path / "model.tflite"
    path.write_bytes(with_digest((tflite_folder / f"{NAME}.tflite").read_bytes()))
    return path


@pytest.fixture
def counted_digests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of what was hashed so far because no digest was known."""
    sizes: list[int] = []

    class CountedHashlib:
        @staticmethod
        def sha256(content: memoryview) -> object:
            sizes.append(len(content))
            return hashlib.sha256(content)

    monkeypatch.setattr(known_digest, "hashlib", CountedHashlib)
    monkeypatch.setattr(known_digest, "_SHORTEST_AGE_SECONDS", -1e9)
    yield sizes


def with_digest(flatbuffer: bytes) -> bytes:
    manifest = {"schema_version": 2, "model_sha256": hashlib.sha256(flatbuffer).hexdigest(), "parts": []}
    parts = io.BytesIO()
    with zipfile.ZipFile(parts, "w") as archive:
        archive.writestr("edgekit.json", json.dumps(manifest))
    return flatbuffer + parts.getvalue()


def mapped_source(model: edgekit_runtime.Model) -> MappedFile:
    source = model._source
    assert isinstance(source, MappedFile)
    return source


@pytest.mark.parametrize("name", ["cnn_float32", "cnn_int8_io_float32", "many_operators", "dense_buffer_offset"])
def test_predictions_are_those_of_a_file_in_memory(name: str, tflite_folder: Path) -> None:
    if name == "dense_buffer_offset" and choose_interpreter().name == "tflite-c":
        pytest.skip("the C library does not read weights behind the FlatBuffer")
    path = tflite_folder / f"{name}.tflite"
    model, in_memory = edgekit_runtime.load(path), edgekit_runtime.load(path.read_bytes())
    assert mapped_source(model).is_mapped
    assert model.description == in_memory.description
    batch = {i.name: np.ones([max(s, 1) for s in i.shape], i.dtype) for i in model.inputs}
    for output, expected in zip(model.predict_named(batch).values(), in_memory.predict_named(batch).values()):
        np.testing.assert_array_equal(output, expected)


def test_a_replaced_file_keeps_its_old_content(packed: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(packed)
    other = packed.with_name("other")
    other.write_bytes(b"other")
    other.replace(packed)
    assert model.predict(cnn["image"]) == pytest.approx(cnn["probabilities"], abs=1e-5)
    assert mapped_source(model).is_mapped
    packed.unlink()
    assert model.predict(cnn["image"][:1]) == pytest.approx(cnn["probabilities"][:1], abs=1e-5)


def test_a_program_that_truncates_the_file_waits_until_the_content_is_copied(packed: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(packed, num_interpreters=2)
    model.predict(cnn["image"])
    writer = subprocess.Popen([sys.executable, "-c", TRUNCATE, str(packed)])
    while mapped_source(model).is_mapped:
        assert writer.poll() is None
    assert packed.stat().st_size > 1000
    # Both sessions have to leave the file before the program may write.
    assert model.predict(cnn["image"]) == pytest.approx(cnn["probabilities"], abs=1e-5)
    model.close()
    assert writer.wait(timeout=30) == 0
    assert packed.read_bytes() == b"other"


def test_predictions_go_on_from_the_copy(packed: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(packed, num_interpreters=1)
    writer = subprocess.Popen([sys.executable, "-c", TRUNCATE, str(packed)])
    while mapped_source(model).is_mapped:
        pass
    for count in (1, 40, 1):
        assert model.predict(cnn["image"][:count]) == pytest.approx(cnn["probabilities"][:count], abs=1e-5)
        assert writer.wait(timeout=30) == 0
    assert model.manifest.model_sha256


def test_a_file_that_was_changed_after_the_lease_ended_is_an_error(packed: Path, cnn: Arrays) -> None:
    model = edgekit_runtime.load(packed)
    # As the kernel does if this process makes no prediction for 45 seconds.
    mapped_file._end_lease(mapped_source(model)._descriptor)
    os.truncate(packed, 100)
    for _ in range(2):
        with pytest.raises(ModelFileError, match="was overwritten while the model was loaded"):
            model.predict(cnn["image"])


def test_a_file_that_is_open_for_writing_is_read_into_memory(packed: Path, cnn: Arrays) -> None:
    with packed.open("r+b") as file:
        assert isinstance(open_model_file(packed), bytes)
        model = edgekit_runtime.load(packed)
        file.truncate(0)
    assert model.predict(cnn["image"]) == pytest.approx(cnn["probabilities"], abs=1e-5)


@pytest.mark.parametrize("size", [0, 7, 8, 100, 5000])
def test_a_truncated_file_is_refused_like_one_in_memory(packed: Path, size: int) -> None:
    os.truncate(packed, size)
    with pytest.raises(ModelFileError) as mapped:
        edgekit_runtime.load(packed)
    if size >= 8:
        with pytest.raises(ModelFileError) as in_memory:
            edgekit_runtime.load(packed.read_bytes())
        assert str(mapped.value) == str(in_memory.value)


def test_every_flipped_byte_is_noticed(packed: Path) -> None:
    content = packed.read_bytes()
    edgekit_runtime.load(packed)
    flatbuffer_size = content.index(b"PK\3\4")
    for place in range(8, flatbuffer_size, flatbuffer_size // 60):
        damaged = bytearray(content)
        damaged[place] ^= 4
        packed.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            edgekit_runtime.load(packed)


def test_a_signature_is_checked_on_the_mapped_file(packed: Path) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    signature = pytest.importorskip("edgekit_runtime.packed_file.signature")
    manifest = pytest.importorskip("edgekit_runtime.packed_file.manifest")
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    content = packed.read_bytes()
    signed = key.sign(signature.signed_content(content, manifest.Parts(content)))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("edgekit.sig", f"ed25519 {public.hex()} {signed.hex()}\n")
    assert mapped_source(edgekit_runtime.load(packed, public_key=public)).is_mapped
    damaged = bytearray(packed.read_bytes())
    damaged[len(content) // 2] ^= 1
    packed.write_bytes(damaged)
    with pytest.raises(ModelFileError, match="signature is invalid"):
        edgekit_runtime.load(packed, public_key=public)


def test_a_digest_is_computed_once(packed: Path, counted_digests: list[int]) -> None:
    for _ in range(3):
        edgekit_runtime.load(packed)
    assert len(counted_digests) == 1
    edgekit_runtime.load(packed).manifest  # noqa: B018
    assert len(counted_digests) == 1
    # A copy is another file, though its digest comes with it.
    copy = packed.with_name("copy.tflite")
    copy.write_bytes(packed.read_bytes())
    packed.with_name(".copy.tflite.digest").write_bytes(packed.with_name(".model.tflite.digest").read_bytes())
    edgekit_runtime.load(copy)
    assert len(counted_digests) == 2


def test_the_digest_of_a_new_file_is_not_remembered(packed: Path, counted_digests: list[int], monkeypatch: Any) -> None:
    monkeypatch.setattr(known_digest, "_SHORTEST_AGE_SECONDS", 1e9)
    for _ in range(2):
        edgekit_runtime.load(packed)
    assert len(counted_digests) == 2
    assert not packed.with_name(".model.tflite.digest").exists()


def test_verify_computes_the_digest_anew(packed: Path, counted_digests: list[int]) -> None:
    edgekit_runtime.load(packed)
    with pytest.raises(ModelFileError, match="golden examples"):
        edgekit_runtime.load(packed, verify=True)
    assert len(counted_digests) == 2


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b"[" * 900, b'{"key": 1, "sha256": "00"}', b'{"sha256": 5}']
)
def test_a_damaged_memory_of_the_digest_is_ignored(packed: Path, content: bytes, counted_digests: list[int]) -> None:
    packed.with_name(".model.tflite.digest").write_bytes(content)
    edgekit_runtime.load(packed)
    assert len(counted_digests) == 1


def test_a_folder_in_place_of_the_remembered_digest_does_no_harm(packed: Path, counted_digests: list[int]) -> None:
    packed.with_name(".model.tflite.digest").mkdir()
    for _ in range(2):
        edgekit_runtime.load(packed)
    assert len(counted_digests) == 2
    assert len(list(packed.parent.glob(".model*"))) == 1


def test_nothing_crashes_while_another_process_overwrites_the_file(packed: Path, tflite_folder: Path) -> None:
    second = packed.with_name("second.tflite")
    second.write_bytes(with_digest((tflite_folder / "cnn_float32_batch1.tflite").read_bytes()))
    first, damaged = packed.with_name("first.tflite"), packed.with_name("damaged.tflite")
    first.write_bytes(packed.read_bytes())
    damaged.write_bytes(first.read_bytes()[: first.stat().st_size // 3])
    command = [sys.executable, "-c", LOAD, OVERWRITE, *map(str, (packed, first, second, damaged))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-1000:]
