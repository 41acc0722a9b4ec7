"""``edgekit.validate``: the command's result, data in memory, a model in memory, limits."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import cli

DATA = Path(__file__).resolve().parents[1] / "data" / "tflite"
REFERENCE, INT8, DYNAMIC = DATA / "cnn_float32.tflite", DATA / "cnn_int8_io_float32.tflite", DATA / "cnn_dynamic.tflite"
RNG = np.random.default_rng(3)
X = RNG.random((60, 12, 12, 1), dtype=np.float32)
Y = np.arange(60) % 10


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    return tmp_path / "data.npz"


def by_the_command(*arguments: object) -> Any:
    result = CliRunner().invoke(cli, ["validate", *map(str, arguments), "--json"])
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("form", [str, Path])
def test_it_gives_what_the_command_prints(form: Callable[[Path], Any], stored: Path) -> None:
    result = edgekit.validate(form(REFERENCE), form(INT8), form(stored), max_drop=0.5, top_k=3, seed=7)
    assert isinstance(result, edgekit.Validation)
    options = ["--max-drop", 0.5, "--top-k", 3, "--seed", 7]
    assert json.loads(json.dumps(result.to_dict())) == by_the_command(REFERENCE, INT8, "--data", stored, *options)


def test_several_files_give_a_result_each(stored: Path) -> None:
    results = edgekit.validate(REFERENCE, [INT8, str(DYNAMIC)], stored, everything=True)
    assert [each.candidate.name for each in results] == [INT8.name, DYNAMIC.name]
    printed = by_the_command(REFERENCE, INT8, DYNAMIC, "--data", stored, "--everything")
    given, shown = ([_untimed(each) for each in several] for several in (map(_plain, results), printed["validations"]))
    assert given == shown


def _plain(result: edgekit.Validation) -> Any:
    return json.loads(json.dumps(result.to_dict()))


def _untimed(result: dict[str, Any]) -> dict[str, Any]:
    """The result without what a clock said, which differs each time."""
    return {key: value for key, value in result.items() if "latency" not in key and not key.endswith("_ms")}


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, 60, 8):
        yield X[start : start + 8], Y[start : start + 8]


FORMS: dict[str, Callable[[], Any]] = {
    "arrays": lambda: (X, Y),
    "dict": lambda: {"image": X, "y": Y},
    "generator": batches,
    "generator function": lambda: batches,
    "list": lambda: list(batches()),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_in_memory_gives_the_figures_of_the_same_file(form: str, stored: Path) -> None:
    in_memory = edgekit.validate(REFERENCE, INT8, FORMS[form](), everything=True)
    from_file = edgekit.validate(REFERENCE, INT8, stored, everything=True)
    assert in_memory.outputs == from_file.outputs
    assert "in memory" in in_memory.data or in_memory.data == "batches()"


def test_inputs_without_labels_are_compared_by_agreement() -> None:
    result = edgekit.validate(REFERENCE, INT8, X, everything=True, min_agreement=0.0)
    assert result.agreement.samples == 60
    assert result.agreement.accuracy_drop is None
    assert result.passed


def test_two_inputs_by_name() -> None:
    model = DATA / "two_in_two_out.tflite"
    from edgekit_runtime import load

    inputs = {info.name: RNG.random((20, *info.shape[1:]), dtype=np.float32) for info in load(model).inputs}
    assert len(inputs) == 2
    result = edgekit.validate(model, model, inputs, everything=True)
    assert (result.samples, result.agreement.max_absolute_difference) == (20, 0.0)
    with pytest.raises(edgekit.DataError, match="none of the arrays that the model needs"):
        edgekit.validate(model, model, next(iter(inputs.values())), everything=True)


def test_a_missed_limit_is_a_result_and_raises_when_asked_to() -> None:
    from edgekit_runtime import load

    predicted = np.asarray(load(REFERENCE).predict(X)).argmax(1)
    others = np.asarray(load(INT8).predict(X)).argmax(1)
    # Labels for which the reference is right and the candidate is not, as often as they differ.
    differ = np.flatnonzero(predicted != others)
    assert len(differ)
    result = edgekit.validate(REFERENCE, INT8, (X, predicted), everything=True, max_drop=0.0)
    assert not result.passed
    assert result.agreement.accuracy_drop == pytest.approx(len(differ) / len(X))
    assert "top-1 −" in result.failures[0]
    assert repr(result).splitlines()[0].endswith(": failed>")
    with pytest.raises(edgekit.BelowThresholdError, match="misses a threshold"):
        result.require_passed()


def test_a_result_shows_itself_and_travels_between_processes() -> None:
    result = edgekit.validate(REFERENCE, INT8, (X, Y), everything=True, max_drop=1.0)
    lines = repr(result).splitlines()
    assert lines[0] == "<cnn_int8_io_float32.tflite against cnn_float32.tflite: passed>"
    assert any("top-1 agreement" in line and "%" in line for line in lines)
    assert "<caption" in result._repr_html_()
    assert pickle.loads(pickle.dumps(result)).agreement == result.agreement


def test_a_keras_model_in_memory_is_the_reference(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")], name="tiny"
    )
    model.save(tmp_path / "tiny.keras")
    done = CliRunner().invoke(cli, ["convert", str(tmp_path / "tiny.keras")])
    assert done.exit_code == 0, done.output
    x = RNG.random((30, 6), dtype=np.float32)
    result = edgekit.validate(model, tmp_path / "tiny.tflite", x, everything=True, layers=True)
    assert result.agreement.max_absolute_difference < 1e-5
    assert result.reference == Path("tiny.keras")
    assert {layer.kind for layer in result.layers} == {"Dense"}
    assert [layer["layer"] for layer in result.to_dict()["layers"]] == [layer.layer for layer in result.layers]


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"max_drop": "0.1"}, TypeError, "max_drop is not a number"),
        ({"max_drop": 1.5}, edgekit.UsageError, "max_drop is out of bounds"),
        ({"max_drop": float("nan")}, edgekit.UsageError, "max_drop is out of bounds"),
        ({"samples": 0}, edgekit.UsageError, "samples is out of bounds"),
        ({"samples": 2.5}, TypeError, "samples is not a whole number"),
        ({"everything": "no"}, TypeError, "everything is not True or False"),
        ({"task": "clasification"}, edgekit.UsageError, "task has an unknown value"),
        ({"output_kind": "klasses"}, edgekit.UsageError, "output_kind has an unknown value"),
        ({"input_kind": 3}, TypeError, "input_kind is not a text"),
        ({"pixel_range": (1, 0)}, edgekit.UsageError, "pixel_range is not a range"),
        ({"pixel_range": 1}, TypeError, "pixel_range has the wrong type"),
        ({"pixel_range": "01"}, TypeError, "pixel_range has the wrong type"),
        ({"slice_by": 3}, TypeError, "slice_by is not a text"),
        ({"label_column": "y"}, edgekit.UsageError, "--label-column applies to tables only"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(options: dict[str, Any], error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem) as raised:
        edgekit.validate(REFERENCE, INT8, (X, Y), **options)
    assert isinstance(raised.value, edgekit.EdgekitError)
    assert raised.value.expected
    assert raised.value.received


def test_a_mistyped_value_gets_a_suggestion() -> None:
    with pytest.raises(edgekit.UsageError) as raised:
        edgekit.validate(REFERENCE, INT8, X, task="clasification")
    assert raised.value.next_step == "did you mean 'classification'?"


@pytest.mark.parametrize("tflite", [3, [], [3], None], ids=str)
def test_wrong_files_are_named(tflite: Any) -> None:
    with pytest.raises(edgekit.UsageError, match="tflite"):
        edgekit.validate(REFERENCE, tflite, X)


def test_progress_counts_every_example() -> None:
    done: list[int] = []
    edgekit.validate(REFERENCE, INT8, X, everything=True, progress=done.append)
    assert sum(done) == 60
