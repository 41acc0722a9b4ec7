"""Converting a model that was trained with CTC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
import edgekit_runtime
from edgekit.artifacts.ctc_output import CtcOptions, find_ctc_output
from edgekit.cli import cli
from edgekit_runtime.errors import UsageError
from edgekit_runtime.text.tokenizers import make_tokenizer
from edgekit_runtime.tflite.tflite_model import TfliteModel

DATA = Path(__file__).parents[2] / "data"
#: Frames of "abb é": a repeated letter counts again only after the blank, which is the last token.
FRAMES = np.eye(4, dtype=np.float32)[[0, 0, 1, 3, 1, 3, 2, 2]][np.newaxis]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("ctc") / "ctc.tflite"
    arguments = ["convert", str(DATA / "sequences" / "ctc.keras"), "--ctc-blank", "last", "--beams", "3"]
    arguments += ["--sequence-vocabulary", str(DATA / "sequences" / "letters.txt")]
    result = CliRunner().invoke(cli, [*arguments, "--sequence-tokenizer", "characters", "--output", str(path)])
    assert result.exit_code == 0, result.output
    return path.read_bytes()


def test_frames_become_text(converted: bytes) -> None:
    model = edgekit_runtime.load(converted, verify=True)
    (best,) = model.generate(FRAMES)
    assert best.text == "abbé"
    assert len(best.alternatives) == 2
    (greedy,) = model.generate(FRAMES, beams=1)
    assert greedy.text == "abbé"
    # More paths than the best one give the same text.
    assert greedy.log_probability < best.log_probability < 0


def test_the_golden_texts_are_in_the_file(converted: bytes) -> None:
    report = edgekit_runtime.load(converted).verify()
    assert report.answer_equal
    assert report.examples > 0


@pytest.mark.parametrize(
    ("name", "blank", "words", "problem"),
    [
        ("dense_float32", -1, b"", "does not end in frames"),
        ("two_in_two_out", -1, b"", "does not end in frames"),
        ("embedding_int32", 99, b"", "frames|blank is not one"),
    ],
)
def test_models_without_frames_are_refused(name: str, blank: int, words: bytes, problem: str) -> None:
    model = TfliteModel((DATA / "tflite" / f"{name}.tflite").read_bytes())
    loaded = edgekit_runtime.load(model)
    inputs = {info.name: np.zeros((1, *info.shape[1:]), info.dtype) for info in loaded.inputs}
    with pytest.raises(UsageError, match=problem):
        find_ctc_output(CtcOptions(blank), model, inputs)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (CtcOptions(4), "blank is not one of the tokens"),
        (CtcOptions(0, make_tokenizer("characters", b"a\nb\nc\n")), "vocabulary of the sequences does not match"),
        (CtcOptions(-1, make_tokenizer("characters", b"a\nb\n")), "vocabulary of the sequences does not match"),
    ],
    ids=["blank", "no entry for the blank", "too short"],
)
def test_declarations_that_do_not_match_are_refused(converted: bytes, options: CtcOptions, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        find_ctc_output(options, TfliteModel(converted), {"frames": FRAMES})


def test_options_of_ctc_need_a_blank() -> None:
    with pytest.raises(UsageError, match="do nothing without ctc_blank"):
        edgekit.convert("model.h5", beams=4)
    result = CliRunner().invoke(cli, ["convert", "model.h5", "--ctc-blank", "first"])
    assert result.exit_code == 2
    assert "neither a number nor 'last'" in result.output
