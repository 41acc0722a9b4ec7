"""What inspect tells: eras, shapes, parameters, refusals, all without Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import attack_files as attack
import h5py
import numpy as np
import pytest

from edgekit_converters.keras_files.summary import LayerSummary, TensorSummary, summarize

FIXTURES = Path(__file__).parents[2] / "data" / "keras_eras"


def test_a_model_of_keras_2(tmp_path: Path) -> None:
    path = attack.write_h5(tmp_path / "model.h5", attack.sequential(attack.dense()))
    summary = summarize(path)
    assert (summary.file, summary.container, summary.keras_version) == ("model.h5", "hdf5", "2.11.0")
    assert (summary.era, summary.backend, summary.model_class) == (2, "tensorflow", "Sequential")
    assert summary.size_bytes == path.stat().st_size
    assert summary.inputs == (TensorSummary("dense_input", (None, 3), "float32"),)
    assert summary.outputs == (TensorSummary("dense", (None, 2), "float32"),)
    # A kernel of 3×2 and a bias of 2.
    assert summary.layers == (
        LayerSummary("dense_input", "InputLayer", (None, 3), 0),
        LayerSummary("dense", "Dense", (None, 2), 8),
    )
    assert summary.parameters == 8
    assert "input shapes in the first layer" in summary.upgrades
    assert (summary.refusal, summary.next_step, summary.findings) == ("", "", ())
    assert json.loads(json.dumps(summary.to_dict()))["layers"][1]["parameters"] == 8


def test_a_model_that_is_refused_still_shows_its_layers(tmp_path: Path) -> None:
    model = attack.sequential(attack.dense(), {"class_name": "Odd", "config": {"name": "odd"}})
    summary = summarize(attack.write_h5(tmp_path / "model.h5", model))
    assert summary.layers == (LayerSummary("dense", "Dense", None, 8), LayerSummary("odd", "Odd", None, 0))
    assert "model_config.config.layers[1] (Odd 'odd') needs the class 'Odd'" in summary.refusal
    assert summary.next_step.endswith("--custom-objects module:Odd")
    assert [finding.place for finding in summary.findings] == ["model_config.config.layers[1]"]


def test_an_attack_is_summarized_without_harm(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    summary = summarize(attack.write_keras(tmp_path / "m.keras", attack.sequential_3(attack.lambda_3(marker))))
    assert "config.json.config.layers[1] (Lambda 'lambda_1')" in summary.refusal
    assert not marker.exists()


def test_weights_only(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense", b"flatten"]
        file.create_group("dense").attrs["weight_names"] = [b"kernel:0"]
        file["dense/kernel:0"] = np.ones((5, 4), np.float32)
        file.create_group("flatten").attrs["weight_names"] = np.zeros(0)
    summary = summarize(path)
    assert summary.layers == (LayerSummary("dense", "", None, 20), LayerSummary("flatten", "", None, 0))
    assert (summary.parameters, summary.era, summary.model_class) == (20, 0, "")
    assert "weights.h5 holds weights only" in summary.refusal


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.h5")) + sorted(FIXTURES.glob("*.keras")), ids=lambda p: p.stem)
def test_shapes_and_parameters_are_those_of_keras(path: Path) -> None:
    from edgekit_converters.keras_files.load import load_keras_model

    summary = summarize(path)
    model = load_keras_model(path).model
    assert summary.refusal == ""
    assert summary.parameters == model.count_params()
    assert [tensor.shape for tensor in summary.inputs] == [tuple(tensor.shape) for tensor in model.inputs]
    assert len(summary.outputs) == len(model.outputs)
    rows = {row.name: row.output_shape for row in summary.layers}
    expected = {layer.name: _first_shape(layer.output) for layer in model.layers}
    assert {name: shape for name, shape in rows.items() if name in expected and shape} == {
        name: expected[name] for name, shape in rows.items() if name in expected and shape
    }
    assert set(expected) <= set(rows)


def _first_shape(output: object) -> tuple[int | None, ...]:
    first = output[0] if isinstance(output, (list, tuple)) else output
    return tuple(first.shape)  # type: ignore[attr-defined]


def test_published_files(shared_models: Path) -> None:
    for entry in json.loads((shared_models / "index.json").read_text()):
        summary = summarize(shared_models / entry["file"])
        refused = entry["expected"].startswith("refused")
        assert bool(summary.refusal) == refused, entry["file"]
        if not refused:
            shapes = [list(tensor.shape or ()) for tensor in summary.inputs]
            several = isinstance(entry["input_shape"][0], list)
            expected = entry["input_shape"] if several else [entry["input_shape"]]
            # A fixed batch is freed.
            assert [shape[1:] for shape in shapes] == [shape[1:] for shape in expected], entry["file"]
            assert all(tensor.shape for tensor in summary.outputs), entry["file"]


def test_neither_keras_nor_h5py_is_imported(tmp_path: Path) -> None:
    path = attack.write_h5(tmp_path / "model.h5", attack.sequential(attack.dense()))
    program = (
        "import sys; from edgekit_converters.keras_files.summary import summarize; "
        f"summarize({str(path)!r}); print(sorted({{'keras', 'tensorflow', 'h5py'}} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
