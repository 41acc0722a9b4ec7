"""A model with TextVectorization inside, from Keras to the device: the sample, and all that comes after it."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
import edgekit_runtime
from edgekit.cli import cli
from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.packed_file.golden import read_golden
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, Manifest, read_manifest, sha256
from edgekit_runtime.text import TextInput
from edgekit_runtime.tflite.tflite_model import TfliteModel

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "language_of_a_line"
PART = "vocabulary_line.txt"

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("babel"), reason="Babel, which makes the sample's lines, is not installed"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What the sample writes, and what it prints."""
    folder = tmp_path_factory.mktemp("language")
    done = subprocess.run([sys.executable, str(SAMPLE / "train.py"), str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def folder(trained: tuple[Path, str]) -> Path:
    return trained[0]


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[dict[str, str]]:
    with (folder / "test.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def ran(*arguments: object) -> Any:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_the_sample_trains_converts_and_names_languages(trained: tuple[Path, str]) -> None:
    *scores, _, _, _, _ = printed = trained[1].splitlines()
    keras, float32, int8 = (float(line.removesuffix(" %").rpartition(" ")[2]) for line in scores)
    assert keras > 90 and abs(float32 - keras) < 0.2 and int8 > keras - 1
    assert {"de  Guten Morgen", "ru  доброе утро", "el  καλημέρα"} <= set(printed)


def test_the_samples_program_for_the_device_needs_nothing_but_the_runtime(folder: Path) -> None:
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'edgekit', 'babel')));"
        f"sys.argv[1:] = [{str(folder / 'language-int8.tflite')!r}];"
        f"runpy.run_path({str(SAMPLE / 'name_language.py')!r}, run_name='__main__')"
    )
    given = "hace dos horas\n\nv pondělí\n".encode() + b"\xff\xfe\n" + b"x" * 1_000_000
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, check=True)
    found = done.stdout.decode().splitlines()
    assert [line[:2] for line in found[:2]] == ["es", "cs"]
    assert len(found) == 4


def test_no_string_and_no_flex_operator_is_left(folder: Path) -> None:
    model = edgekit_runtime.load(folder / "language-int8.tflite")
    assert {each.name for each in model.description.operators} <= {
        "FULLY_CONNECTED",
        "SOFTMAX",
        "QUANTIZE",
        "DEQUANTIZE",
    }
    assert model.task.inputs["line"].name == "text"
    assert model.manifest.raw_preprocessing["line"]["tokenizer"]["ngrams"] == [1, 2, 3]


def test_the_device_answers_as_keras_does_on_strings(folder: Path, lines: list[dict[str, str]]) -> None:
    """The golden examples are strings, and Keras itself has answered for them."""
    golden = read_golden((folder / "language-int8.tflite").read_bytes())
    model = edgekit_runtime.load(folder / "language-int8.tflite")
    raw = model.raw_inputs()["line"]
    assert isinstance(raw, TextInput)
    texts = raw.golden_examples(golden.inputs[0])
    assert texts is not None and all(isinstance(text, bytes) for text in texts)
    assert np.abs(golden.keras[0] - golden.outputs[0]).max() < 0.1
    right = [found.label == line["label"] for found, line in zip(
        model.classify([line["text"] for line in lines]), lines, strict=True)]  # fmt: skip
    assert np.mean(right) > 0.9


def test_validation_lets_keras_read_the_strings(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras's layer would reveal a device that made other tokens of the same strings."""
    from edgekit_runtime.text.lookup import LookupTokenizer

    test = tmp_path / "test.jsonl"
    with (folder / "test.csv").open(newline="", encoding="utf-8") as file:
        test.write_text("".join(f"{json.dumps(row)}\n" for row in list(csv.DictReader(file))[:200]))
    files = (folder / "language.keras", folder / "language-int8.tflite", str(test))
    honest = edgekit.validate(*files, everything=True)
    assert honest.outputs[0].errors.snr_db > 20
    encode = LookupTokenizer.encode
    monkeypatch.setattr(LookupTokenizer, "encode", lambda self, text: encode(self, text)[:3])
    assert edgekit.validate(*files, everything=True).outputs[0].errors.snr_db < 10


def repacked(path: Path, target: Path, tokens: Sequence[str], *, digest: bool) -> Path:
    """The file with another vocabulary, whose digest is stated or not."""
    content = path.read_bytes()
    unpacked, manifest = unpack(TfliteModel(content)), read_manifest(content)
    part = "".join(f"{token}\n" for token in tokens).encode()
    fields = dict(manifest.raw_preprocessing["line"])
    if digest:
        fields["sha256"] = {PART: sha256(part)}
    changed: Manifest = manifest._replace(raw_preprocessing={"line": fields})
    parts = {**unpacked.parts, PART: part}
    target.write_bytes(pack(unpacked.model, changed, unpacked.parts[GOLDEN_NAME], other_parts=parts))
    return target


def test_two_swapped_words_of_the_vocabulary_are_caught(folder: Path, tmp_path: Path) -> None:
    path = folder / "language-int8.tflite"
    model = edgekit_runtime.load(path)
    assert model.verify().passed
    raw = model.raw_inputs()["line"]
    assert isinstance(raw, TextInput)
    tokens = raw.tokenizer.tokens  # type: ignore[attr-defined]
    # Whether a golden example has the words or not: the vocabulary has a digest.
    for first, second in ((1, 2), (5, 2000), (2000, 2001)):
        swapped = [*tokens]
        swapped[first], swapped[second] = tokens[second], tokens[first]
        damaged = edgekit_runtime.load(repacked(path, tmp_path / "damaged.tflite", swapped, digest=False))
        for use in (damaged.verify, partial(damaged.classify, "a")):
            with pytest.raises(ModelFileError, match="damaged") as caught:
                use()
            assert caught.value.received == f"The part {PART} is not the one that was packed."


def test_golden_strings_catch_a_vocabulary_of_another_model(folder: Path, tmp_path: Path) -> None:
    path = folder / "language-int8.tflite"
    raw = edgekit_runtime.load(path).raw_inputs()["line"]
    assert isinstance(raw, TextInput)
    tokens = raw.tokenizer.tokens  # type: ignore[attr-defined]
    other = repacked(path, tmp_path / "other.tflite", [tokens[0], *reversed(tokens[1:])], digest=True)
    assert not edgekit_runtime.load(other).verify().passed


def test_texts_on_the_command_line(folder: Path, tmp_path: Path) -> None:
    path = folder / "language-int8.tflite"
    found = json.loads(ran("predict", path, "--text", "hace dos horas", "--text", "v pondělí", "--json").stdout)
    assert [each["answers"][0]["label"] for each in found["results"]] == ["es", "cs"]
    (tmp_path / "lines.txt").write_text("hace dos horas\n\nv pondělí\n", encoding="utf-8")
    rows = ran("predict", path, tmp_path / "lines.txt", "--csv", "--top-k", 1).stdout.splitlines()
    assert rows[0] == "text,rank,label,score"
    assert [row.split(",")[:3] for row in rows[1:]] == [["hace dos horas", "1", "es"], ["v pondělí", "1", "cs"]]
    table = ran("predict", path, "--text", "x" * 200).stdout
    assert "x" * 61 not in table
    piped = CliRunner().invoke(cli, ["predict", str(path), "-", "--json"], input=b"hace dos horas\n\xff\n")
    assert len(json.loads(piped.stdout)["results"]) == 2


def test_an_audit_reads_data_of_texts(folder: Path) -> None:
    found = json.loads(ran("audit", folder / "language-int8.tflite", "--data", folder / "test.csv", "--json").stdout)
    assert found


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["language-int8.tflite"], "Missing argument EXAMPLES"),
        (["language-int8.tflite", "empty.txt"], "no text to classify"),
        (["language-int8.tflite", "--text", "a", "--pixel-range", "0,1"], "contradict each other"),
        (["tokens.tflite", "--text", "a"], "does not take texts"),
    ],
)
def test_mistakes_on_the_command_line(arguments: list[str], words: str, folder: Path, tokens: Path) -> None:
    (folder / "empty.txt").write_text("\n\n")
    paths = [str(folder / each) if "." in each and "," not in each else each for each in arguments]
    result = CliRunner().invoke(cli, ["predict", *paths])
    assert result.exit_code == 2
    assert words in result.output


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Path:
    """A model of five tokens, which says nothing about texts, in the same folder."""
    source = Path(__file__).parents[1] / "data" / "tflite" / "embedding_int32.tflite"
    path = folder / "tokens.tflite"
    path.write_bytes(source.read_bytes())
    return path


@pytest.mark.parametrize(("tokenizer", "text"), [("words", "Red, blue"), ("wordpiece", "redblue!")])
def test_a_vocabulary_is_packed_into_any_model(tokenizer: str, text: str, tokens: Path, tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("[PAD]\n[UNK]\nred\nblue\n##blue\n")
    packed = tmp_path / "packed.tflite"
    ran("pack", tokens, "--vocabulary", vocabulary, "--tokenizer", tokenizer, "-o", packed)
    model = edgekit_runtime.load(packed)
    expected = [[2, 3, 0, 0, 0]] if tokenizer == "words" else [[2, 4, 1, 0, 0]]
    assert model.raw_inputs()[model.inputs[0].name].prepare(text).tolist() == expected
    assert model.verify().passed
    # What is packed stays when labels are added.
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    ran("pack", packed, "--labels", tmp_path / "labels.txt")
    assert edgekit_runtime.load(packed).classify(text)[0].label in "abc"


def test_a_vocabulary_for_a_model_that_has_one_is_refused(folder: Path) -> None:
    from edgekit.conversion.source import _tokenized
    from edgekit_converters.lowering import ModelInput
    from edgekit_runtime.text.lookup import make_lookup

    raw = edgekit_runtime.load(folder / "language-int8.tflite").raw_inputs()["line"]
    with pytest.raises(UsageError, match="a vocabulary of its own"):
        _tokenized((ModelInput("line", (-1, 9), "float32", raw=raw),), make_lookup("words", ["a"]))


def test_names_of_tokenizers_are_those_of_the_registry() -> None:
    from edgekit.commands.shared.options import TOKENIZER_NAMES
    from edgekit_runtime.text import TOKENIZERS

    assert tuple(name for name, record in TOKENIZERS.items() if record.make) == TOKENIZER_NAMES
