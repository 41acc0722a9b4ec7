"""The zip behind the FlatBuffer: any unzip lists it, the runtime reads it back."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from edgekit_converters.packaging.artifact import pack
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.manifest import Manifest, read_manifest

MODEL = b"\x1c\x00\x00\x00TFL3" + bytes(range(256)) * 4
MANIFEST = Manifest(
    labels=("null", "eins"), pixel_range=(-1.0, 1.0), provenance={"quantize": "int8", "parity": {"top1_drop": 0.0}}
)


def test_what_is_packed_is_read_back() -> None:
    packed = pack(MODEL, MANIFEST)
    assert packed.startswith(MODEL)
    assert read_manifest(packed) == MANIFEST


def test_equal_arguments_give_equal_bytes() -> None:
    assert pack(MODEL, MANIFEST) == pack(MODEL, MANIFEST)


def test_a_plain_model_has_an_empty_manifest() -> None:
    assert read_manifest(MODEL) == Manifest()


def test_python_s_unzip_lists_the_parts(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(pack(MODEL, MANIFEST))
    done = subprocess.run(["python3", "-m", "zipfile", "-l", str(path)], capture_output=True, text=True, check=True)
    assert "edgekit.json" in done.stdout
    assert "labels.txt" in done.stdout


def test_labels_alone_as_other_tools_append_them(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL)
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("labels.txt", "cat\ndog\n")
    assert read_manifest(path.read_bytes()).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("edgekit.json", "{", "damaged"),
        ("edgekit.json", "[]", "damaged"),
        ("edgekit.json", '{"schema_version": 99}', "newer edgekit"),
        ("edgekit.json", '{"pixel_range": ["a", 1]}', "damaged"),
        ("edgekit.json", '{"provenance": [1]}', "damaged"),
        ("edgekit.json", "[" * 100_000, "damaged"),
        ("labels.txt", "x" * 5_000_000, "damaged"),
    ],
    ids=["cut JSON", "a list", "a later schema", "words for numbers", "no object", "too deep", "a bomb"],
)
def test_a_bad_part_is_a_sentence(name: str, content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(MODEL)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(name, content)
    with pytest.raises(ModelFileError, match=says):
        read_manifest(path.read_bytes())
