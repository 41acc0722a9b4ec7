"""Converting an encoder and a decoder, and judging what the file generates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
import edgekit_runtime
from edgekit.artifacts.packing import PackOptions, pack_file
from edgekit.cli import cli
from edgekit.sequences.calibration import decoder_samples
from edgekit.sequences.known_sequences import known_sequences
from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.packed_file.manifest import sha256
from edgekit_runtime.sequences.decoding import StepwiseDecoding
from edgekit_runtime.sequences.stepwise import Part, StepwiseModel
from edgekit_runtime.tflite.signature_view import signature_view
from edgekit_runtime.tflite.tflite_model import TfliteModel

DATA = Path(__file__).parents[2] / "data" / "sequences"
ENCODER, DECODER = DATA / "encoder.keras", DATA / "decoder.keras"
UNEQUAL = (DATA / "encoder_unequal.keras", DATA / "decoder_unequal.keras")
TEXTS = {"vocabulary": DATA / "english.txt", "sequence_vocabulary": DATA / "german.txt"}


def test_an_int8_pair_of_texts(tmp_path: Path) -> None:
    output = tmp_path / "translator.tflite"
    options = [f"--{name.replace('_', '-')}={path}" for name, path in TEXTS.items()]
    result = CliRunner().invoke(
        cli,
        [
            *("convert", "--pair", str(ENCODER), str(DECODER), "--quantize", "int8"),
            *("--data", str(DATA / "pairs.csv"), *options, "--max-drop", "0.01"),
            *("--output", str(output), "--json"),
        ],
    )
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    scores = report["scores"]
    assert scores["examples"] == 77
    assert scores["is_held_back"]
    for model in ("source", "float_model", "converted"):
        assert scores[model]["exact_match"] == scores[model]["token_accuracy"] == 1.0
        assert scores[model]["word_error_rate"] == 0.0
    assert report["budget"]["is_met"]
    assert report["budget"]["tried"] == [{"recipe": "int8", "drop": 0.0}]
    # The longest of the known sequences has three words and the end token.
    assert report["decoding"] | {"start": 2, "end": 3, "padding": 0, "max_length": 8} == report["decoding"]
    assert report["decoding"]["scores"] == "probabilities"

    whole = TfliteModel(output.read_bytes())
    assert [each.key for each in whole.description.signatures] == ["encode", "decode"]
    for key in ("encode", "decode"):
        view = signature_view(whole, key).description
        assert any(tensor.dtype == "int8" for tensor in view.tensors if not tensor.is_constant)
    model = edgekit_runtime.load(output, verify=True)
    assert model.generate("five, four")[0].text == "fünf vier"
    assert {info.dtype.name for info in model.outputs} == {"float32"}


def test_auto_leaves_int8_when_it_misses_the_budget(tmp_path: Path) -> None:
    """The encoder passes one word on a thousand times larger than the others."""
    conversion = edgekit.convert_pair(*UNEQUAL, tmp_path, quantize="auto", data=DATA / "pairs.csv", **TEXTS)
    assert conversion.budget is not None
    assert [(each.recipe, each.drop is not None and each.drop <= 0.005) for each in conversion.budget.tried] == [
        ("int8", False),
        ("repaired int8", False),
        ("repaired int8 with the encoder in float", False),
        ("repaired int8 with the decoder in float", False),
        ("dynamic", True),
    ]
    assert (conversion.quantize, conversion.budget.is_met) == ("dynamic", True)
    assert edgekit_runtime.load(conversion.path, verify=True).generate("five, four")[0].text == "fünf vier"


def test_a_missed_budget_is_exit_code_3_and_in_the_files_name(tmp_path: Path) -> None:
    options = [f"--{name.replace('_', '-')}={path}" for name, path in TEXTS.items()]
    result = CliRunner().invoke(
        cli,
        [
            *("convert", "--pair", *map(str, UNEQUAL), "--quantize", "int8", "--max-drop", "0.01", "--repair", "off"),
            *("--data", str(DATA / "pairs.csv"), *options, "--output", str(tmp_path / "out.tflite")),
        ],
    )
    assert result.exit_code == 3, result.output
    assert "No quantized candidate is within the budget of −1.00 points" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out-over-budget.tflite"]


def test_a_float_pair_without_data_gets_its_tokens_from_the_user(tmp_path: Path) -> None:
    conversion = edgekit.convert_pair(ENCODER, DECODER, tmp_path, start_token=2, end_token=3, max_length=6, beams=2)
    assert conversion.path.name == "encoder-decoder.tflite"
    assert conversion.scores is None
    assert "none" in repr(conversion)
    model = edgekit_runtime.load(conversion.path, verify=True)
    (result,) = model.generate(np.array([2, 4, 0, 0, 0], np.int32))
    assert (result.text, result.tokens, result.answer) == ("", (4, 6), "4 6")
    assert len(result.alternatives) == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--quantize", "int8"], "int8 needs data"),
        (["--quantize", "auto"], "A budget needs data"),
        (["--all"], "--pair and --all contradict each other"),
        (["--quantize", "int8", "--max-drop", "0.1"], "A budget needs data"),
        (["--max-drop", "0.1", "--data", str(DATA / "pairs.csv")], "A budget needs a quantization mode"),
        (["model.h5"], "contradict each other"),
        (["--vocabulary", "missing.txt"], "missing.txt cannot be read"),
    ],
)
def test_options_that_do_not_go_with_a_pair(tmp_path: Path, options: list[str], problem: str) -> None:
    output = tmp_path / "out.tflite"
    result = CliRunner().invoke(cli, ["convert", "--pair", str(ENCODER), str(DECODER), "-o", str(output), *options])
    assert result.exit_code in (1, 2)
    assert problem in result.output
    assert not output.exists()


def test_options_of_sequences_need_a_pair() -> None:
    result = CliRunner().invoke(cli, ["convert", "model.h5", "--beams", "4"])
    assert result.exit_code == 2
    assert "--beams does nothing without --pair" in result.output


def test_a_decoder_is_calibrated_on_the_steps_of_the_known_sequences() -> None:
    plain = unpack(TfliteModel((DATA / "word_translator.tflite").read_bytes())).model
    encoder, decoder = (edgekit_runtime.load(signature_view(plain, key)) for key in ("encode", "decode"))
    decoding = StepwiseDecoding(2, 3)
    model = StepwiseModel(
        Part(encoder.inputs, encoder.outputs, encoder.predict_named),
        Part(decoder.inputs, decoder.outputs, decoder.predict_named),
        decoding,
    )
    known = known_sequences([[4, 6], [5]], decoding)
    sources = {"source": np.array([[2, 4, 0, 0, 0], [3, 0, 0, 0, 0]], np.int32)}
    samples = list(decoder_samples(model, sources, known))
    assert [(int(each["tokens"][0, 0]), int(each["place"].argmax())) for each in samples] == [
        *((2, 0), (2, 0)),
        *((4, 1), (5, 1)),
        (6, 2),
    ]
    assert all(each["memory"].shape == (1, 5, 9) for each in samples)


def test_packing_other_golden_examples_keeps_the_way_to_the_text(tmp_path: Path) -> None:
    """A vocabulary with two words swapped fails, although the encoder's outputs are as before."""
    output = tmp_path / "packed.tflite"
    packed = pack_file(DATA / "word_translator.tflite", output, PackOptions(data=str(DATA / "pairs.csv")))
    assert packed.manifest.provenance["golden"]["inputs"] == "pairs.csv"
    edgekit_runtime.load(output, verify=True)

    unpacked = unpack(TfliteModel(output.read_bytes()))
    swapped = unpacked.parts["vocabulary_sequence.txt"].replace(b"vier", b"-").replace(b"eins", b"vier")
    swapped = swapped.replace(b"-", b"eins")
    decoding = dict(packed.manifest.decoding["sequence"], vocabulary_sha256=sha256(swapped))
    damaged = pack(
        unpacked.model,
        packed.manifest._replace(decoding={"sequence": decoding}),
        unpacked.parts["golden.npz"],
        other_parts={**unpacked.parts, "vocabulary_sequence.txt": swapped},
    )
    with pytest.raises(ModelFileError, match="another answer"):
        edgekit_runtime.load(damaged, verify=True)


def test_a_model_in_memory_needs_an_output() -> None:
    class Model:
        name = "m"

        def save(self, filepath: str) -> None:
            raise AssertionError

    Model.__module__ = "keras.models"
    with pytest.raises(UsageError, match="output is missing"):
        edgekit.convert_pair(Model(), DECODER)  # type: ignore[arg-type]
