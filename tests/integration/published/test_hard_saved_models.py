"""Published files that were hard to convert: each meets what ``index.json`` beside them expects of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import edgekit_runtime
from edgekit.cli import cli


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a file becomes.

    Attributes:
        options: What ``edgekit convert`` is given beside the file.
        refused: Texts of the error, all of them; empty for a file that converts.
        not_said: Texts that no message may hold.
        tolerance: How far an answer may be from the source's own; None leaves it out.
    """

    options: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    not_said: tuple[str, ...] = ("reaches out", "Unexpected error")
    tolerance: float | None = 1e-4


#: A row for each file and each way to convert it; test_every_file_has_a_row holds it to the index.
OUTCOMES: Mapping[str, tuple[Outcome, ...]] = {
    "saved_model_keyword_ds_cnn": (Outcome(),),
    "saved_model_series_cnn": (Outcome(),),
    "saved_model_series_lstm": (Outcome(),),
    "saved_model_conditional_discriminator": (
        Outcome(),
        Outcome(("--quantize", "dynamic"), tolerance=None),
        Outcome(("--quantize", "int8", "--random-calibration", "--samples", "8"), tolerance=None),
    ),
    # Its inputs are words, and no golden examples of those are made up.
    "saved_model_ranking": (Outcome(tolerance=None),),
    "saved_model_ranking_strings": (Outcome(refused=("works on text", "StringLower")),),
    "saved_model_tf1_no_signature": (
        Outcome(refused=("no signature", "TensorFlow 1.2.1 with the tag tag", "simple_save(session")),
    ),
    "saved_model_retrieval_no_signature": (Outcome(refused=("no signature", "tf.saved_model.save(model")),),
}
ROWS = [(name, outcome) for name, outcomes in OUTCOMES.items() for outcome in outcomes]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)], env={"COLUMNS": "400"})


def test_every_saved_model_of_the_index_has_a_row(shared_models_hard: Path) -> None:
    index = json.loads((shared_models_hard / "index.json").read_text())
    assert {entry["file"] for entry in index if entry["container"] == "saved_model"} <= OUTCOMES.keys()


@pytest.mark.parametrize(("name", "outcome"), ROWS, ids=[" ".join((name, *o.options[:2])) for name, o in ROWS])
def test_a_published_file_meets_its_index(
    name: str, outcome: Outcome, shared_models_hard: Path, tmp_path: Path
) -> None:
    source, output = shared_models_hard / name, tmp_path / "model.tflite"
    result = run("convert", source, "-o", output, *outcome.options)
    assert not [text for text in outcome.not_said if text in result.output]
    if outcome.refused:
        assert result.exit_code == 1, result.output
        assert not [text for text in outcome.refused if text not in result.stderr], result.stderr
        return
    assert result.exit_code == 0, result.output
    if outcome.tolerance is not None:
        assert _distance_from_source(output) <= outcome.tolerance


def _distance_from_source(output: Path) -> float:
    """How far the file's golden answers are from the source's own, as conversion has measured it."""
    return float(edgekit_runtime.load(output).manifest.provenance["parity"]["max_error"])


@pytest.mark.parametrize("name", [name for name in OUTCOMES if name.startswith("saved_model")])
def test_inspect_shows_a_folder_without_running_it(name: str, shared_models_hard: Path) -> None:
    result = run("inspect", shared_models_hard / name, "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    converts = not OUTCOMES[name][0].refused
    assert (shown["refusal"] == "") == converts
    assert shown["tensorflow_version"].count(".") == 2
    assert "Placeholder" not in shown["operators"]
    assert bool(shown["signatures"]) == ("no_signature" not in name)
    if converts:
        assert shown["converted"] == "serving_default"
        assert shown["operators"]
