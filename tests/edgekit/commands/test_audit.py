"""``edgekit audit`` with data and with the source model, its exit codes, and files that are not .tflite."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import CliRunner, Result

from edgekit.cli import cli
from edgekit.datasets import load_dataset
from edgekit_converters.packaging.artifact import unpack
from edgekit_runtime.tflite.tflite_model import TfliteModel

SOUND = Path(__file__).resolve().parents[2] / "data" / "tflite" / "dense_float32.tflite"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def findings(result: Result) -> dict[str, str]:
    """The texts of each check that found a problem."""
    checks = json.loads(result.stdout)["checks"]
    return {
        each["check"]: " ".join(found["text"] for found in each["findings"])
        for each in checks
        if each["status"] == "problem"
    }


def reverse_the_classes(content: bytearray) -> None:
    """Reverse the rows of the last dense layer's weights: scores are those of other classes."""
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    weights = [
        tensor
        for tensor in map(graph.Tensors, range(graph.TensorsLength()))
        if tensor.ShapeLength() == 2 and tensor.Shape(0) == 10 and tensor.Type() == schema.TensorType.INT8
    ]
    (data,) = [schema.Model.GetRootAs(content).Buffers(tensor.Buffer()).DataAsNumpy() for tensor in weights]
    rows = data.reshape(10, -1)
    rows[:] = rows[::-1].copy()


@pytest.fixture(scope="module")
def plain(variants_folder: Path) -> bytes:
    """The int8 variant as another tool would have made it: nothing is packed behind it."""
    return unpack(TfliteModel((variants_folder / "model-int8.tflite").read_bytes())).model.content


def test_a_converted_model_passes_on_data_and_against_its_source(trained_folder: Path, variants_folder: Path) -> None:
    model = variants_folder / "model-int8.tflite"
    result = run(model, "--data", "digits", "--against", trained_folder / "model.h5", "--json")
    assert result.exit_code == 0, result.output
    checks = json.loads(result.stdout)["checks"]
    assert {each["status"] for each in checks} <= {"passed", "remark"}


@pytest.mark.parametrize("data", [("--data", "digits"), ()], ids=["data", "made-up inputs"])
def test_a_model_that_lost_a_layer_is_another_than_its_source(
    data: tuple[str, ...], plain: bytes, trained_folder: Path, tmp_path: Path
) -> None:
    model = bytearray(plain)
    reverse_the_classes(model)
    path = tmp_path / "foreign.tflite"
    path.write_bytes(model)
    result = run(path, *data, "--against", trained_folder / "model.h5", "--json")
    assert result.exit_code == 3, result.output
    assert "comparison" in findings(result)


def test_predictions_at_chance_are_found_and_the_right_pixel_range_is_named(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(plain)
    packed = CliRunner().invoke(cli, ["pack", str(path), "--pixel-range", "0,0.001"])
    assert packed.exit_code == 0, packed.output
    result = run(path, "--data", "digits", "--samples", 300, "--json")
    assert result.exit_code == 3, result.output
    found = findings(result)
    assert "no better than always naming one class; with --pixel-range 0,1 it is right for 9" in found["accuracy"]
    assert "uses a small part of the range" in found["input ranges"]
    assert run(path, "--data", "digits", "--samples", 300, "--pixel-range", "0,1").exit_code == 0


def test_data_that_an_integer_input_cuts_off_is_found(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(plain)
    result = run(path, "--data", "digits", "--samples", 100, "--pixel-range", "0,255", "--json")
    assert result.exit_code == 3
    assert "cuts off" in findings(result)["input ranges"]


def test_labels_in_another_order_are_found(plain: bytes, tmp_path: Path) -> None:
    digits = load_dataset("digits")
    np.savez(tmp_path / "shifted.npz", x=digits.x_test, y=(digits.y_test + 1) % 10)
    (tmp_path / "foreign.tflite").write_bytes(plain)
    result = run(tmp_path / "foreign.tflite", "--data", tmp_path / "shifted.npz", "--json")
    assert result.exit_code == 3
    assert "order of the labels" in result.stdout
    assert "--pixel-range" not in findings(result)["accuracy"]


def test_values_that_explain_nothing_are_found(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 4)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=random.normal(size=(200, 2)).astype(np.float32))
    result = run(SOUND, "--data", tmp_path / "data.npz", "--json")
    assert result.exit_code == 3
    assert "R² is -" in findings(result)["accuracy"]


def test_remarks_do_not_fail_an_audit() -> None:
    result = run(SOUND)
    assert result.exit_code == 0, result.output
    assert "No problems found. 4 checks skipped." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("missing.tflite",), 1, "does not exist"),
        (("text.tflite",), 1, "is not a .tflite file"),
        ((SOUND, "--data", "missing.npz"), 1, "There is no data set"),
        ((SOUND, "--against", "missing.h5"), 1, "missing.h5 does not exist"),
        ((SOUND, "--target", "no-such"), 2, "no-such"),
    ],
    ids=lambda value: None,
)
def test_what_cannot_be_audited_is_an_error(
    arguments: tuple[object, ...], exit_code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.tflite").write_text("a text that is long enough")
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert message in result.stderr
