"""The sample that translates number words: train, convert, translate unseen numbers on the runtime alone."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

import edgekit
import edgekit_runtime

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "number_translation"
pytest.importorskip("num2words", reason="num2words of the dev extra makes the pairs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numbers")
    # The Transformer of the sample would take a minute longer.
    subprocess.run([sys.executable, str(SAMPLE / "train.py"), "gru", str(folder)], check=True, capture_output=True)
    return folder


def test_unseen_numbers_are_translated_by_the_int8_file(folder: Path) -> None:
    conversion = edgekit.convert_pair(
        folder / "encoder.keras",
        folder / "decoder.keras",
        folder / "numbers.tflite",
        quantize="int8",
        data=str(folder / "pairs.csv"),
        vocabulary=folder / "english.txt",
        tokenizer="wordpiece",
        sequence_vocabulary=folder / "german.txt",
        sequence_tokenizer="wordpiece",
    )
    scores = conversion.scores
    assert scores is not None
    assert scores.source is not None
    assert scores.source.exact_match > 0.9
    assert scores.float_model == scores.source
    assert scores.converted.exact_match >= scores.source.exact_match - 0.03

    model = edgekit_runtime.load(conversion.path, verify=True)
    with (folder / "unseen.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["english"], row["german"]) for row in csv.DictReader(file)]
    assert len(pairs) == 200
    greedy, beams = (
        [each.text for each in model.generate([english for english, _ in pairs], beams=count)] for count in (1, 3)
    )
    for generated in (greedy, beams):
        right = sum(text == german for text, (_, german) in zip(generated, pairs, strict=True))
        assert right / len(pairs) > 0.7

    translate = [sys.executable, str(SAMPLE / "translate.py"), str(conversion.path), "Forty-two"]
    done = subprocess.run(translate, check=True, capture_output=True, encoding="utf-8")
    assert done.stdout.startswith("Forty-two → zweiundvierzig")
