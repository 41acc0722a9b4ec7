"""``--recover``: when the fine-tuned model is used, what is reported, and which options contradict each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli import cli
from edgekit.conversion import recovering
from edgekit_converters.finetuning.constants import with_constants
from edgekit_converters.finetuning.options import FineTuningOptions
from edgekit_converters.finetuning.process import FineTuned
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small classifier with seeded weights, and 400 digits without labels."""
    import keras
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("source")
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Input((8, 8, 1), name="digit"),
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax", name="class"),
    ]
    keras.Sequential(layers).save(folder / "digits.keras")
    np.savez(folder / "digits.npz", x=(load_digits().images[:400, ..., np.newaxis] / 16).astype(np.float32))
    return folder / "digits.keras", folder / "digits.npz"


def test_int4_is_fine_tuned_and_reported(source: tuple[Path, Path], tmp_path: Path) -> None:
    model, data = source
    output = tmp_path / "digits.tflite"
    arguments = ["convert", str(model), "--quantize", "int4", "--data", str(data), "--recover", "--epochs", "2"]
    result = CliRunner().invoke(cli, [*arguments, "--output", str(output), "--json"])
    assert result.exit_code == 0, result.output
    (recovery,) = json.loads(result.stdout)["recoveries"]
    assert recovery["mode"] == "int4" and recovery["is_selected"]
    assert recovery["db_after"] > recovery["db_before"] + 1
    assert recovery["drop_after"] <= recovery["drop_before"]
    assert (recovery["trained_layers"], recovery["frozen_layers"], recovery["epochs"]) == (2, [], 2)
    assert [path.name for path in tmp_path.iterdir()] == ["digits.tflite"]
    facts = read_manifest(output.read_bytes()).provenance
    expected = {"epochs": 2, "best_epoch": recovery["best_epoch"], "examples": recovery["trained_examples"]}
    assert facts["recovery"] == expected
    assert list(facts["scores"]) == ["class"]


@pytest.fixture
def ruined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fine-tuning that sets all weights to 0."""

    def ruin(float_model: TfliteModel, *arguments: Any, progress: Callable[[int], None], **options: Any) -> FineTuned:
        zeros = {
            (0, tensor.index): np.zeros(tensor.shape, np.float32)
            for tensor in float_model.description.tensors
            if tensor.is_constant and tensor.dtype == "float32"
        }
        frozen = (("layer/a", "GATHER"), ("layer/b", "CONV_3D"))
        return FineTuned(TfliteModel(with_constants(float_model.content, zeros)), {}, 2, frozen, (1.0, 0.5), 1)

    monkeypatch.setattr(recovering, "fine_tune", ruin)


@pytest.mark.usefixtures("ruined")
def test_a_worse_model_is_never_delivered(source: tuple[Path, Path], tmp_path: Path) -> None:
    model, data = source
    plain = edgekit.convert(model, tmp_path / "plain.tflite", quantize="int8", data=str(data))
    kept = edgekit.convert(model, tmp_path / "kept.tflite", quantize="int8", data=str(data), recover=True)
    assert kept.models[0].sha256 == plain.models[0].sha256
    (recovery,) = kept.recoveries
    assert not recovery.is_selected
    sentence = next(note for note in kept.notes if note.startswith("int8 is not fine-tuned"))
    assert sentence.endswith("Not trained: GATHER layer/a and CONV_3D layer/b.")


def test_a_crash_of_fine_tuning_leaves_the_model_as_it_was(
    source: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = source
    # The child process starts and cannot read this request.
    monkeypatch.setattr(FineTuningOptions, "to_dict", lambda self: {"unknown": 1})
    kept = edgekit.convert(model, tmp_path / "kept.tflite", quantize="int4", data=str(data), recover=True)
    (recovery,) = kept.recoveries
    assert not recovery.is_selected
    note = next(note for note in kept.notes if note.startswith("int4 is not fine-tuned, because fine-tuning failed"))
    assert "exit code 1: TypeError" in note


CONTRADICTIONS = [
    (["--quantize", "dynamic", "--data", "digits", "--recover"], "--recover does nothing for --quantize dynamic."),
    (["--quantize", "int4", "--recover"], "--recover does nothing without --data."),
    (["--quantize", "int4", "--epochs", "3"], "--epochs does nothing without --recover."),
    (["--quantize", "int4", "--learning-rate", "0.1"], "--learning-rate does nothing without --recover."),
    (["--quantize", "int4", "--data", "digits", "--recover", "--epochs", "0"], "Invalid value for '--epochs'"),
    (["--quantize", "int4", "--data", "digits", "--recover", "--learning-rate", "0"], "Invalid value for '--learning"),
]


@pytest.mark.parametrize(("options", "message"), CONTRADICTIONS, ids=[" ".join(each) for each, _ in CONTRADICTIONS])
def test_contradictions_are_usage_errors_before_any_work(options: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["convert", "missing.h5", *options])
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 3}, "epochs applies to recover"),
        ({"recover": True, "learning_rate": 0}, "learning_rate is out of bounds"),
        ({"recover": True, "epochs": 0}, "epochs is out of bounds"),
        ({"recover": True}, "--recover needs data"),
        ({"recover": True, "quantize": "dynamic"}, "--recover does nothing for dynamic"),
    ],
    ids=["no recover", "no rate", "no epochs", "no data", "no mode"],
)
def test_bad_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        edgekit.convert("missing.h5", **{"quantize": "int4", **options})


@pytest.mark.usefixtures("ruined")
def test_a_budget_needs_examples_that_training_did_not_see(source: tuple[Path, Path], tmp_path: Path) -> None:
    model, data = source
    with pytest.raises(DataError, match="too small for --recover with a budget"):
        edgekit.convert(model, tmp_path / "kept.tflite", quantize="int8", data=str(data), recover=True, max_drop=0.1)
