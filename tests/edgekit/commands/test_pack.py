"""``edgekit pack``, ``unpack``, ``keygen``, ``sign`` and ``verify`` as a user types them."""

from __future__ import annotations

import json
import stat
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import edgekit_runtime
from edgekit.cli import cli
from edgekit_converters.packaging.artifact import append_parts, pack
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.manifest import Manifest, read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line per fact."""
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A plain .tflite that edgekit has not made."""
    path = tmp_path / "model.tflite"
    path.write_bytes((TFLITE / "cnn_float32.tflite").read_bytes())
    return path


def test_a_file_that_is_cut_off_is_damaged_and_not_merely_plain(foreign: Path) -> None:
    result = run("verify", foreign)
    assert f"{foreign.name} is a plain .tflite" in result.stderr
    foreign.write_bytes(foreign.read_bytes()[:-1000])
    result = run("verify", foreign)
    assert result.exit_code == 1
    assert "is damaged" in result.stderr


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join("abcdefghij") + "\n")
    return path


def test_pack_and_unpack_give_the_plain_model_back(foreign: Path, labels: Path, tmp_path: Path) -> None:
    plain = foreign.read_bytes()
    packed = run("pack", foreign, "--labels", labels, "--pixel-range", "-1,1")
    assert packed.exit_code == 0, packed.output
    model = edgekit_runtime.load(foreign, verify=True)
    assert model.labels == tuple("abcdefghij")
    assert model.preprocessing == Preprocessing(12, 12, 1, scale=2 / 255, offset=-1.0)
    assert "random, seed 0" in packed.output
    unpacked = run("unpack", foreign, "--output", tmp_path / "parts", "--json")
    assert unpacked.exit_code == 0, unpacked.output
    names = {Path(name).name for name in json.loads(unpacked.stdout)["files"]}
    assert names == {"model.plain.tflite", "edgekit.json", "labels.txt", "golden.npz"}
    assert (tmp_path / "parts" / "model.plain.tflite").read_bytes() == plain


def test_labels_that_do_not_fit_are_refused_and_the_file_stays(foreign: Path, tmp_path: Path) -> None:
    plain = foreign.read_bytes()
    (tmp_path / "nine.txt").write_text("\n".join("abcdefghi") + "\n")
    result = run("pack", foreign, "--labels", tmp_path / "nine.txt")
    assert result.exit_code == 2, result.output
    assert "10 labels" in result.stderr
    assert foreign.read_bytes() == plain


def test_labels_with_other_line_separators_load_as_they_were_written(foreign: Path, tmp_path: Path) -> None:
    labels = (*(f"a{character}b" for character in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), "c", "d")
    (tmp_path / "labels.txt").write_bytes("\n".join(labels).encode())
    assert run("pack", foreign, "--labels", tmp_path / "labels.txt", "--pixel-range", "0,1").exit_code == 0
    assert edgekit_runtime.load(foreign).labels == labels
    assert run("pack", foreign).exit_code == 0
    assert edgekit_runtime.load(foreign, verify=True).labels == labels


def test_labels_of_another_tool_that_do_not_fit_are_left_out_with_a_note(foreign: Path) -> None:
    packed = pack(TfliteModel(foreign.read_bytes()), Manifest(labels=("x",) * 11))
    flatbuffer = packed[: packed.index(b"PK\x03\x04")].replace(b"\0edgekit\0", b"\0somebod\0")
    foreign.write_bytes(append_parts(flatbuffer, {"labels.txt": b"x\n" * 11}))
    result = run("pack", foreign, "--json")
    assert result.exit_code == 0, result.output
    assert "11 labels" in json.loads(result.stdout)["notes"][0]
    assert edgekit_runtime.load(foreign, verify=True).labels == ()


def test_a_label_of_two_lines_is_refused(foreign: Path) -> None:
    with pytest.raises(UsageError, match="line break"):
        pack(TfliteModel(foreign.read_bytes()), Manifest(labels=("a", "b\nc")))


def test_the_same_arguments_give_the_same_bytes(foreign: Path, labels: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run("pack", foreign, "--labels", labels, "-o", tmp_path / f"{name}.tflite").exit_code == 0
    assert (tmp_path / "one.tflite").read_bytes() == (tmp_path / "two.tflite").read_bytes()


def test_packing_again_keeps_what_is_not_said_anew(foreign: Path, labels: Path) -> None:
    assert run("pack", foreign, "--labels", labels, "--pixel-range", "-1,1", "--resize", "crop").exit_code == 0
    before = foreign.read_bytes()
    assert run("pack", foreign).exit_code == 0
    assert foreign.read_bytes() == before
    assert run("pack", foreign, "--color-order", "rgb", "--mean", "0.5").exit_code == 0
    manifest = read_manifest(foreign.read_bytes())
    assert manifest.labels == tuple("abcdefghij")
    (preprocessing,) = manifest.preprocessing.values()
    assert preprocessing == Preprocessing(12, 12, 1, scale=2 / 255, offset=-1.5, resize="crop")


def test_metadata_of_another_tool_is_taken_over(foreign: Path, tmp_path: Path) -> None:
    """What tflite-support would write: the standard entry, and labels under a name of their own."""
    plain = foreign.read_bytes()
    theirs = Manifest(labels=("x",) * 10, preprocessing={"": Preprocessing(12, 12, 1, scale=1 / 127.5, offset=-1.0)})
    packed = pack(TfliteModel(plain), theirs)
    flatbuffer = packed[: packed.index(b"PK\x03\x04")].replace(b"\0edgekit\0", b"\0somebod\0")
    foreign.write_bytes(append_parts(flatbuffer, {"labels.txt": b"x\n" * 10, "vocabulary.txt": b"a\nb\n"}))
    assert read_manifest(foreign.read_bytes()).preprocessing == {}
    result = run("pack", foreign, "--output", tmp_path / "ours.tflite", "--json")
    assert result.exit_code == 0, result.output
    manifest = read_manifest((tmp_path / "ours.tflite").read_bytes())
    assert manifest.labels == ("x",) * 10
    (preprocessing,) = manifest.preprocessing.values()
    assert preprocessing.value_range == pytest.approx((-1, 1))
    parts = run("inspect", tmp_path / "ours.tflite", "--json")
    assert set(json.loads(parts.stdout)["parts"]) == {"edgekit.json", "labels.txt", "golden.npz", "vocabulary.txt"}


def test_real_inputs_become_golden_examples(foreign: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", x=rng.integers(0, 256, (40, 12, 12, 1), np.uint8), y=np.arange(40) % 10)
    result = run("pack", foreign, "--data", tmp_path / "data.npz", "--json")
    assert result.exit_code == 0, result.output
    golden = json.loads(result.stdout)["manifest"]["provenance"]["golden"]
    assert golden["inputs"].startswith("data.npz")
    assert golden["examples"] >= 1
    assert run("verify", foreign).exit_code == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--mean", "103.9"], "--pixel-range", id="mean-beyond-the-range"),
        pytest.param(["--mean", "0.1,0.2"], "one number per channel", id="two-of-three"),
        pytest.param(["--std", "0"], "above 0", id="no-deviation"),
        pytest.param(["--color-order", "bgr"], "colour order", id="colours-of-grey"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(options: list[str], says: str, foreign: Path) -> None:
    before = foreign.read_bytes()
    result = run("pack", foreign, *options)
    assert result.exit_code == 2
    assert says in result.output
    assert foreign.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "c:\\out.txt", "..\\out.txt"], ids=str
)
def test_a_part_that_leads_out_of_the_folder_is_refused(name: str, foreign: Path, tmp_path: Path) -> None:
    foreign.write_bytes(append_parts(foreign.read_bytes(), {name: b"evil"}))
    result = run("unpack", foreign, "--output", tmp_path / "deep" / "parts")
    assert result.exit_code == 1
    assert "outside the folder" in result.output
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize("name", ["model.plain.tflite", "./model.plain.tflite"])
def test_a_part_does_not_take_the_plain_model_s_place(name: str, foreign: Path, tmp_path: Path) -> None:
    foreign.write_bytes(append_parts(foreign.read_bytes(), {name: b"evil"}))
    result = run("unpack", foreign, "--output", tmp_path / "parts")
    assert result.exit_code == 1
    assert "parts of the same name" in result.output


def test_a_bomb_is_not_unpacked(foreign: Path, tmp_path: Path) -> None:
    foreign.write_bytes(append_parts(foreign.read_bytes(), {"large.bin": bytes(20_000_000)}))
    result = run("unpack", foreign, "--output", tmp_path / "parts")
    assert result.exit_code == 1
    assert "unpacks to 20000000 bytes" in result.output


@pytest.fixture
def key(tmp_path: Path) -> Path:
    result = run("keygen", tmp_path / "key.pem")
    assert result.exit_code == 0, result.output
    return tmp_path / "key.pem"


def test_a_key_is_its_owner_s_alone_and_never_overwritten(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    again = run("keygen", key)
    assert again.exit_code == 2
    assert "not overwritten" in again.output
    assert key.read_bytes() == before


def test_sign_verify_and_load(foreign: Path, labels: Path, key: Path) -> None:
    public = key.with_suffix(".pub.pem")
    assert run("pack", foreign, "--labels", labels).exit_code == 0
    with pytest.raises(ModelFileError, match="not signed"):
        edgekit_runtime.load(foreign, public_key=public)
    assert run("verify", foreign, "--public-key", public).exit_code == 1
    assert run("sign", foreign, "--key", key).exit_code == 0
    once = foreign.read_bytes()
    assert edgekit_runtime.load(foreign, public_key=public, verify=True).labels == tuple("abcdefghij")
    verified = run("verify", foreign, "--public-key", public, "--json")
    assert verified.exit_code == 0, verified.output
    report = json.loads(verified.stdout)
    assert report["is_trusted"] is True
    assert report["passed"] is True
    # A second signature takes the first one's place.
    assert run("sign", foreign, "--key", key).exit_code == 0
    assert foreign.read_bytes() == once


def test_another_key_is_refused(foreign: Path, key: Path, tmp_path: Path) -> None:
    assert run("keygen", tmp_path / "other.pem").exit_code == 0
    assert run("sign", foreign, "--key", key).exit_code == 0
    with pytest.raises(ModelFileError, match="another key"):
        edgekit_runtime.load(foreign, public_key=tmp_path / "other.pub.pem")


@pytest.mark.parametrize("what", ["model", "labels", "manifest", "an added part", "a removed part"])
def test_a_signature_covers_every_part(what: str, foreign: Path, labels: Path, key: Path, tmp_path: Path) -> None:
    from edgekit_converters.packaging.artifact import unpack
    from edgekit_runtime.packed_file.manifest import Parts

    assert run("pack", foreign, "--labels", labels).exit_code == 0
    assert run("sign", foreign, "--key", key).exit_code == 0
    content = foreign.read_bytes()
    flatbuffer, parts = bytearray(content[: Parts(content).start]), unpack(TfliteModel(content)).parts
    if what == "model":
        # The digest in the manifest would tell; without the manifest's help the signature has to.
        flatbuffer[-100] ^= 1
    elif what == "labels":
        parts["labels.txt"] = parts["labels.txt"].replace(b"a", b"b")
    elif what == "manifest":
        parts["edgekit.json"] = parts["edgekit.json"].replace(b'"stretch"', b'"nearest"')
    elif what == "an added part":
        parts["more.txt"] = b"more"
    else:
        del parts["golden.npz"]
    foreign.write_bytes(append_parts(bytes(flatbuffer), parts))
    with pytest.raises(ModelFileError, match="signature is invalid"):
        edgekit_runtime.load(foreign, public_key=key.with_suffix(".pub.pem"))


def test_a_wrong_key_file_is_a_usage_error(foreign: Path, key: Path, labels: Path) -> None:
    for wrong in (labels, key.with_suffix(".pub.pem"), Path("missing.pem")):
        result = run("sign", foreign, "--key", wrong)
        assert result.exit_code == 2, result.output
    assert run("verify", foreign, "--public-key", key).exit_code == 2


def test_an_encrypted_key_asks_for_its_password(foreign: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    encrypted = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "key.pem").write_bytes(encrypted)
    arguments = ["sign", str(foreign), "--key", str(tmp_path / "key.pem")]
    assert CliRunner().invoke(cli, arguments, input="secret\n").exit_code == 0
    assert CliRunner().invoke(cli, arguments, input="wrong\n").exit_code == 2


def test_verify_names_the_tensor_that_changed(foreign: Path) -> None:
    assert run("pack", foreign).exit_code == 0
    content = bytearray(foreign.read_bytes())
    tensors = edgekit_runtime.read_model_description(bytes(content)).tensors
    largest = max(tensors, key=lambda tensor: tensor.size_bytes)
    content[largest.data_offset + largest.size_bytes // 2] ^= 1
    foreign.write_bytes(content)
    result = run("verify", foreign)
    assert result.exit_code == 1
    assert largest.name[:40] in result.output
    assert run("inspect", foreign).exit_code == 1


def test_a_plain_model_has_nothing_to_verify(foreign: Path) -> None:
    result = run("verify", foreign)
    assert result.exit_code == 1
    assert "edgekit pack" in result.output


def test_a_model_that_answers_otherwise_exits_with_3(foreign: Path, tmp_path: Path) -> None:
    """Golden examples of another model's weights, on a file whose digest holds."""
    assert run("pack", foreign).exit_code == 0
    from edgekit_converters.packaging.artifact import unpack

    golden = unpack(TfliteModel(foreign.read_bytes())).parts["golden.npz"]
    other = bytearray((TFLITE / "cnn_float32.tflite").read_bytes())
    description = edgekit_runtime.read_model_description(bytes(other))
    for tensor in description.tensors:
        if tensor.is_constant and tensor.dtype == "float32":
            other[tensor.data_offset : tensor.data_offset + tensor.size_bytes] = bytes(tensor.size_bytes)
    wrong = tmp_path / "wrong.tflite"
    wrong.write_bytes(pack(TfliteModel(bytes(other)), read_manifest(foreign.read_bytes()), golden))
    result = run("verify", wrong)
    assert result.exit_code == 3, result.output
    assert "FAILED" in result.output
    assert json.loads(run("verify", wrong, "--json").stdout)["passed"] is False


def test_inspect_shows_all_that_is_packed(foreign: Path, labels: Path) -> None:
    assert run("pack", foreign, "--labels", labels, "--mean", "0.5", "--std", "0.25").exit_code == 0
    shown = run("inspect", foreign).output
    for text in (
        "edgekit.json, labels.txt, golden.npz",
        "TFLITE_METADATA",
        "-2 and 2",
        "12 × 12, grey",
        "random, seed 0",
    ):
        assert text in shown
    manifest = json.loads(run("inspect", foreign, "--json").stdout)["manifest"]
    assert len(manifest["model_sha256"]) == 64
    assert sum(map(len, manifest["tensor_sha256"])) >= 4


def test_weights_that_lie_behind_the_flatbuffer_are_refused_by_every_command(tmp_path: Path) -> None:
    """Neither digest nor signature covers a gap in the zip, where these weights are."""
    outside = (TFLITE / "dense_buffer_offset.tflite").read_bytes()
    weights = max(edgekit_runtime.read_model_description(outside).tensors, key=lambda tensor: tensor.size_bytes)
    moved = outside.replace(struct.pack("<Q", weights.data_offset), struct.pack("<Q", len(outside) + 40))
    hostile = tmp_path / "hostile.tflite"
    hostile.write_bytes(append_parts(moved, {"labels.txt": b"a\n" * 300}))
    assert run("keygen", tmp_path / "key.pem").exit_code == 0
    for command in (("inspect",), ("verify",), ("pack",), ("unpack",), ("sign", "--key", tmp_path / "key.pem")):
        result = run(command[0], hostile, *command[1:])
        assert result.exit_code == 1, result.output
        assert "data outside the file's FlatBuffer" in result.stderr
