"""``edgekit.convert``: the command's bytes, models and data in memory, budgets, wrong arguments."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import cli
from edgekit_converters.quantization.modes import Mode
from edgekit_runtime.packed_file.manifest import read_manifest

ERAS = Path(__file__).resolve().parents[1] / "data" / "keras_eras"
IMAGES = ERAS / "tf24_images.h5"
RNG = np.random.default_rng(11)
#: What the model takes: floats (N, 6, 6, 3).
X = RNG.random((120, 6, 6, 3), dtype=np.float32)


def by_the_command(*arguments: object) -> Any:
    result = CliRunner().invoke(cli, ["convert", *map(str, arguments), "--json"])
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", x=X)
    return tmp_path / "data.npz"


@pytest.mark.parametrize("form", [str, Path])
def test_it_writes_the_bytes_that_the_command_writes(form: Callable[[Path], Any], stored: Path, tmp_path: Path) -> None:
    options = ["--quantize", "int8", "--data", stored, "--samples", 50, "--seed", 2, "--input", "image"]
    printed = by_the_command(IMAGES, *options, "--pixel-range", "-1,1", "-o", tmp_path / "command.tflite")
    conversion = edgekit.convert(
        form(IMAGES),
        form(tmp_path / "python.tflite"),
        quantize="int8",
        data=form(stored),
        samples=50,
        seed=2,
        input_kind="image",
        pixel_range=(-1, 1),
    )
    assert isinstance(conversion, edgekit.Conversion)
    assert conversion.path == tmp_path / "python.tflite"
    assert conversion.path.read_bytes() == (tmp_path / "command.tflite").read_bytes()
    result = json.loads(json.dumps(conversion.to_dict()))
    for each in (result["models"][0], printed["models"][0]):
        del each["path"]
    assert result == printed


def batches() -> Iterator[np.ndarray]:
    for start in range(0, len(X), 16):
        yield X[start : start + 16]


FORMS: dict[str, Callable[[], Any]] = {
    "array": lambda: X,
    "float64": lambda: X.astype(np.float64),
    "dict": lambda: {"input_8": X},
    "generator": batches,
    "generator function": lambda: batches,
    "list of batches": lambda: list(batches()),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_in_memory_calibrates(form: str, tmp_path: Path) -> None:
    conversion = edgekit.convert(IMAGES, tmp_path / "m.tflite", quantize="int8", data=FORMS[form](), samples=64)
    assert conversion.calibration is not None
    assert conversion.calibration.samples == 64
    (low, high), *_ = conversion.calibration.value_range.values()
    assert low == pytest.approx(0, abs=0.01)
    assert high == pytest.approx(1, abs=0.01)


def test_arrays_give_the_bytes_that_the_same_npz_gives(stored: Path, tmp_path: Path) -> None:
    for name, data in (("file", stored), ("memory", X)):
        edgekit.convert(IMAGES, tmp_path / f"{name}.tflite", quantize="int8", data=data)
    file, memory = (read_manifest((tmp_path / f"{name}.tflite").read_bytes()) for name in ("file", "memory"))
    assert file.model_sha256 == memory.model_sha256
    assert file.provenance["calibration"] == memory.provenance["calibration"]


def test_all_writes_every_variant_to_a_folder(stored: Path, tmp_path: Path) -> None:
    conversion = edgekit.convert(IMAGES, tmp_path / "variants", quantize="all", data=stored)
    assert [model.quantize for model in conversion.models] == ["none", "float16", "dynamic", "int8"]
    assert all(model.path.stat().st_size == model.size_bytes for model in conversion.models)
    assert conversion.path.name == "tf24_images-none.tflite"


@pytest.mark.parametrize("mode", [Mode.FLOAT16, "float16"])
def test_a_member_of_the_enum_is_as_good_as_its_name(mode: str, tmp_path: Path) -> None:
    conversion = edgekit.convert(IMAGES, tmp_path, quantize=mode)
    assert conversion.path == tmp_path / "tf24_images-float16.tflite"


def test_a_budget_that_is_missed_is_a_result(stored: Path, tmp_path: Path) -> None:
    conversion = edgekit.convert(
        IMAGES,
        tmp_path / "m.tflite",
        quantize="int4",
        data=stored,
        max_drop=0,
        metric="mse",
        output_kind="values",
        figure=str(tmp_path / "m.png"),
    )
    budget = conversion.budget
    assert budget is not None
    assert not budget.met
    with pytest.raises(edgekit.BelowThresholdError):
        budget.require_met()
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert any(line.strip().startswith("budget") and "missed" in line for line in repr(conversion).splitlines())


def keras_model() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(4)
    layers = [keras.Input((5,)), keras.layers.Dense(7, "relu"), keras.layers.Dense(3, "softmax")]
    return keras.Sequential(layers, name="in_memory")


def test_a_keras_model_in_memory_gives_equal_bytes_each_time(tmp_path: Path) -> None:
    model = keras_model()
    first = edgekit.convert(model, tmp_path / "first.tflite", labels=["a", "b", "c"])
    second = edgekit.convert(model, tmp_path / "second.tflite", labels=("a", "b", "c"))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert edgekit.inspect(first.path).manifest.labels == ("a", "b", "c")  # type: ignore[union-attr]
    x = RNG.random((4, 5), dtype=np.float32)
    from edgekit_runtime import load

    np.testing.assert_allclose(load(first.path).predict(x), np.asarray(model(x)), atol=1e-6)


def test_a_keras_model_in_memory_goes_to_a_folder_under_its_own_name(tmp_path: Path) -> None:
    assert edgekit.convert(keras_model(), tmp_path, quantize="dynamic").path.name == "in_memory-dynamic.tflite"


def test_a_keras_model_in_memory_needs_an_output() -> None:
    with pytest.raises(edgekit.UsageError, match="output is missing") as raised:
        edgekit.convert(keras_model())
    assert raised.value.next_step == 'pass output="model.tflite"'


def test_a_keras_model_leaves_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    edgekit.convert(keras_model(), tmp_path / "m.tflite")
    assert list(folder.iterdir()) == []


def test_a_custom_class_may_be_passed_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    (tmp_path / "own_layers.py").write_text(
        "import keras\n\n\nclass Doubled(keras.layers.Layer):\n    def call(self, x):\n        return 2 * x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    import own_layers  # type: ignore[import-not-found]

    model = keras.Sequential([keras.Input((3,)), own_layers.Doubled()])
    conversion = edgekit.convert(model, tmp_path / "m.tflite", custom_objects=[own_layers.Doubled])
    from edgekit_runtime import load

    np.testing.assert_allclose(load(conversion.path).predict(np.ones((1, 3), np.float32)), [[2, 2, 2]])


def test_converting_imports_no_tensorflow_here(tmp_path: Path) -> None:
    program = (
        f"import edgekit, sys\nedgekit.convert({str(IMAGES)!r}, {str(tmp_path / 'm.tflite')!r})\n"
        "print([name for name in ('tensorflow', 'keras', 'click') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_conversion_shows_itself(tmp_path: Path) -> None:
    conversion = edgekit.convert(IMAGES, tmp_path / "m<b>.tflite")
    lines = repr(conversion).splitlines()
    assert lines[0] == "<Conversion to 1 file>"
    assert lines[1].split()[0] == "none"
    assert "m&lt;b&gt;.tflite" in conversion._repr_html_()
    assert "<b>" not in conversion._repr_html_()
    assert repr(conversion.models[0]).startswith(f"<Converted model {tmp_path}")


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"quantize": "int9"}, edgekit.UsageError, "quantize has an unknown value"),
        ({"quantize": 8}, TypeError, "quantize is not a text"),
        ({"io": "int4"}, edgekit.UsageError, "io has an unknown value"),
        ({"scheme": "per_tensor"}, edgekit.UsageError, "scheme has an unknown value"),
        ({"data": 3}, TypeError, "data is not data"),
        ({"samples": 0}, edgekit.UsageError, "samples is out of bounds"),
        ({"max_drop": -1}, edgekit.UsageError, "max_drop is out of bounds"),
        ({"max_drop": 0.1}, edgekit.UsageError, "--max-drop needs data"),
        ({"prefer": "accuracy"}, edgekit.UsageError, "prefer has an unknown value"),
        ({"targets": ["litrt"]}, edgekit.UsageError, "no target 'litrt'"),
        ({"targets": 3}, TypeError, "targets has the wrong type"),
        ({"labels": 3}, TypeError, "labels has the wrong type"),
        ({"labels": "no-labels.txt"}, edgekit.DataError, "does not exist"),
        ({"mean": "0.5"}, TypeError, "mean has the wrong type"),
        ({"std": [float("inf")]}, edgekit.UsageError, "std has numbers that are not finite"),
        ({"color_order": "grb"}, edgekit.UsageError, "color_order has an unknown value"),
        ({"resize": "fit"}, edgekit.UsageError, "resize has an unknown value"),
        ({"input_shape": 224}, TypeError, "input_shape has the wrong type"),
        ({"input_shape": (0, 3)}, edgekit.UsageError, "input_shape is out of bounds"),
        ({"channels_last": 1}, TypeError, "channels_last is not True or False"),
        ({"signature": 1}, TypeError, "signature is not a text"),
        ({"architecture": 1}, TypeError, "architecture is not a path"),
        ({"custom_objects": 1}, TypeError, "custom_objects has the wrong type"),
        ({"max_memory": "2G"}, TypeError, "max_memory is not a whole number"),
        ({"output": 3}, TypeError, "output is not a path"),
        ({"figure": "f.png"}, edgekit.UsageError, "--figure draws the models of a budget"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named_before_any_work(
    options: dict[str, Any], error: type[Exception], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=problem) as raised:
        edgekit.convert(IMAGES, **{"output": tmp_path / "m.tflite"} | options)
    assert isinstance(raised.value, edgekit.EdgekitError)
    assert raised.value.expected or raised.value.next_step
    assert not (tmp_path / "m.tflite").exists()


def test_a_class_that_the_other_process_cannot_import_is_refused(tmp_path: Path) -> None:
    class Local:
        pass

    with pytest.raises(edgekit.UsageError, match="cannot be imported by the process"):
        edgekit.convert(IMAGES, tmp_path / "m.tflite", custom_objects=[Local])
