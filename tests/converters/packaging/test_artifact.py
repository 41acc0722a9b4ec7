"""The zip behind the FlatBuffer: any unzip lists it, the runtime reads it back, and nothing in it is trusted."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgekit_runtime
from edgekit_converters.packaging.artifact import append_parts, pack, unpack
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.manifest import Manifest, read_manifest
from edgekit_runtime.task import FILE, Claim
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
MODEL = TfliteModel((TFLITE / "cnn_float32.tflite").read_bytes())
LABELS = tuple("abcdefghij")
MANIFEST = Manifest(
    labels=LABELS,
    preprocessing={"image": Preprocessing(12, 12, 1, scale=2 / 255, offset=-1.0)},
    provenance={"quantize": "none", "parity": {"top1_drop": 0.0}},
    task=Claim(FILE, {"image": "image"}, {"classes": "classes"}),
)


def test_what_is_packed_is_read_back() -> None:
    read = read_manifest(pack(MODEL, MANIFEST))
    assert read._replace(model_sha256="", tensor_sha256=()) == MANIFEST
    assert len(read.model_sha256) == 64
    # Four weights and biases, one shape: each with a digest of 64 bits.
    assert {len(digest) for digests in read.tensor_sha256 for digest in digests} == {16}


def test_equal_arguments_give_equal_bytes() -> None:
    assert pack(MODEL, MANIFEST) == pack(MODEL, MANIFEST)


def test_a_plain_model_has_an_empty_manifest() -> None:
    assert read_manifest(MODEL.content) == Manifest()


@pytest.mark.parametrize("command", [["unzip", "-l"], ["python3", "-m", "zipfile", "-l"]], ids=["unzip", "python"])
def test_other_tools_list_the_parts(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(pack(MODEL, MANIFEST, b"golden"))
    try:
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not on this machine")
    assert all(name in done.stdout for name in ("edgekit.json", "labels.txt", "golden.npz"))
    # Info-ZIP warns here where offsets do not count from the file's start.
    assert not done.stderr


@pytest.mark.parametrize("path", sorted(TFLITE.glob("*.tflite")), ids=lambda path: path.stem)
def test_every_interpreter_reads_what_it_read_before(path: Path) -> None:
    plain = path.read_bytes()
    packed = pack(TfliteModel(plain), Manifest(labels=LABELS))
    assert unpack(TfliteModel(packed)).model.content == plain
    if path.stem in ("custom_operator", "flex_operator"):
        return
    outputs = []
    for content in (plain, packed):
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        rng = np.random.default_rng(0)
        for entry in interpreter.get_input_details():
            values = rng.integers(0, 2, entry["shape"]).astype(entry["dtype"])
            interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        outputs.append([interpreter.get_tensor(entry["index"]) for entry in interpreter.get_output_details()])
    for before, after in zip(*outputs, strict=True):
        np.testing.assert_array_equal(before, after)


def test_packing_hides_older_metadata_of_the_same_name_and_keeps_the_rest() -> None:
    twice = pack(TfliteModel(pack(MODEL, Manifest())[: -len(zip_of(pack(MODEL, Manifest())))]), MANIFEST, name="second")
    metadata = edgekit_runtime.read_model_description(twice).metadata
    assert metadata == ("min_runtime_version", "CONVERSION_METADATA", "TFLITE_METADATA", "edgekit")


def zip_of(content: bytes) -> bytes:
    """The bytes behind the FlatBuffer."""
    return content[content.index(b"PK\x03\x04") :]


def test_labels_alone_as_other_tools_append_them() -> None:
    content = append_parts(MODEL.content, {"labels.txt": b"cat\ndog\n"})
    assert read_manifest(content).labels == ("cat", "dog")


def test_parts_of_other_tools_are_taken_along() -> None:
    content = pack(MODEL, MANIFEST, other_parts={"vocabulary.txt": b"one\ntwo\n", "labels.txt": b"old\n"})
    parts = unpack(TfliteModel(content)).parts
    assert parts["vocabulary.txt"] == b"one\ntwo\n"
    assert parts["labels.txt"] == b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n"


@pytest.mark.parametrize("place", [0.05, 0.3, 0.6, 0.9], ids=str)
def test_a_flipped_byte_is_an_error(place: float) -> None:
    content = bytearray(pack(MODEL, MANIFEST))
    content[int(place * len(MODEL))] ^= 0x10
    with pytest.raises(ModelFileError, match=r"bytes have changed|damaged|not a \.tflite"):
        edgekit_runtime.load(bytes(content))


@pytest.mark.parametrize("kept", [0.2, 0.7, 0.9, 0.98, 0.999], ids=str)
def test_a_cut_file_is_an_error(kept: float) -> None:
    content = pack(MODEL, MANIFEST, b"golden" * 100)
    with pytest.raises(ModelFileError):
        edgekit_runtime.load(content[: int(kept * len(content))])


def test_every_byte_of_the_zip_matters_or_changes_nothing() -> None:
    """No flip behind the FlatBuffer gives other labels, another preprocessing, or a model that is not checked."""
    content = pack(MODEL, MANIFEST)
    for place in range(len(content) - len(zip_of(content)), len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0x04
        try:
            model = edgekit_runtime.load(bytes(damaged))
        except ModelFileError:
            continue
        assert model.manifest == read_manifest(content), place


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("edgekit.json", "{", "damaged"),
        ("edgekit.json", "[]", "damaged"),
        ("edgekit.json", '{"schema_version": 99}', "newer edgekit"),
        ("edgekit.json", '{"schema_version": "1"}', "schema version is '1'"),
        ("edgekit.json", '{"schema_version": -1}', "schema version is -1"),
        ("edgekit.json", '{"provenance": ' + '{"a": ' * 60 + "1" + "}" * 61, "nested deeper than 50"),
        ("edgekit.json", '{"preprocessing": ["a", 1]}', "damaged"),
        ("edgekit.json", '{"preprocessing": {"height": "a", "width": 1, "channels": 1}}', "damaged"),
        ("edgekit.json", '{"preprocessing": {"height": 1, "width": 1, "channels": 1, "scale": NaN}}', "damaged"),
        ("edgekit.json", '{"preprocessing": {"size": 1}}', "damaged"),
        ("edgekit.json", '{"schema_version": 1, "preprocessing": {"size": 1}}', "damaged"),
        ("edgekit.json", '{"task": []}', "damaged"),
        ("edgekit.json", '{"task": {"inputs": {"x": 1}}}', "damaged"),
        ("edgekit.json", '{"provenance": [1]}', "damaged"),
        ("edgekit.json", '{"tensor_sha256": [1]}', "damaged"),
        ("edgekit.json", '{"parts": 1}', "damaged"),
        ("edgekit.json", '{"parts": ["golden.npz"]}', "damaged"),
        ("edgekit.json", '{"model_sha256": "00"}', "bytes have changed"),
        ("edgekit.json", "[" * 100_000, "damaged"),
        ("edgekit.json", b"\xff\xfe", "damaged"),
        ("labels.txt", "x" * 17_000_000, "damaged"),
    ],
    ids=[
        "cut JSON",
        "a list",
        "a later schema",
        "a version in words",
        "a negative version",
        "deeply nested facts",
        "a list for fields",
        "words for numbers",
        "no number",
        "unknown fields",
        "unknown fields of version 1",
        "a list for the task",
        "a number for a kind",
        "no object",
        "no digests",
        "no list of parts",
        "a part that is missing",
        "another digest",
        "too deep",
        "no text",
        "a bomb",
    ],
)
def test_a_bad_part_is_a_sentence(name: str, content: str | bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL.content)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(name, content)
    with pytest.raises(ModelFileError, match=says):
        read_manifest(path.read_bytes())


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL.content)
    with zipfile.ZipFile(path, "a") as parts, pytest.warns(UserWarning, match="Duplicate"):
        parts.writestr("labels.txt", "a")
        parts.writestr("labels.txt", "b")
    with pytest.raises(ModelFileError, match="damaged"):
        read_manifest(path.read_bytes())
