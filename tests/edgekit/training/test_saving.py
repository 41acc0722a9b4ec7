"""The files that a training leaves."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from edgekit.artifacts.training_record import TrainingRecord, read_training_record
from edgekit.training import saving
from edgekit.training.fit import TrainingResult
from edgekit.training.options import TrainingOptions
from edgekit.training.reference_cnn import build
from edgekit.training.saving import save_training
from edgekit_converters.lowering.source_digest import digest
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.inputs.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def result() -> TrainingResult:
    model = build((18, 18, 1), 2)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return TrainingResult(
        model=model,
        options=TrainingOptions(epochs=2),
        history={"loss": [0.7, 0.6], "accuracy": [0.5, 0.75]},
        train_count=8,
        test_count=4,
        test_accuracy=0.75,
        confusion=np.array([[2, 0], [1, 1]]),
        labels=("cat", "dög"),
        data_digest="ab12",
    )


def test_the_files(result: TrainingResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_training(result, tmp_path / "new" / "folder")
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "confusion.png", "labels.txt", "model.h5", "model.keras", "training.json", "training.png",
    ]  # fmt: skip
    # Keras's warning that .h5 is an old format stays unheard.
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "new" / "folder" / "labels.txt").read_text(encoding="utf-8") == "cat\ndög\n"


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_the_models_have_the_weights(name: str, result: TrainingResult, tmp_path: Path) -> None:
    save_training(result, tmp_path)
    model = keras.models.load_model(tmp_path / name, compile=False)
    for saved, trained in zip(model.get_weights(), result.model.get_weights(), strict=True):
        np.testing.assert_array_equal(saved, trained)


def test_the_report_says_how_and_how_well(result: TrainingResult, tmp_path: Path) -> None:
    save_training(result, tmp_path)
    report = json.loads((tmp_path / "training.json").read_text())
    assert report.pop("edgekit") == "0.1.0"
    assert report.pop("keras") == keras.__version__
    assert report.pop("tensorflow").count(".") == 2
    assert set(report.pop("models")) == {"model.h5", "model.keras"}
    assert Preprocessing.from_dict(report.pop("preprocessing")) == Preprocessing(18, 18, 1)
    assert report == {
        "options": {
            "epochs": 2, "batch_size": 32, "learning_rate": 0.001, "seed": 0, "augment": True, "dropout": 0.3,
            "batch_norm": False, "early_stopping": False,
        },
        "history": {"loss": [0.7, 0.6], "accuracy": [0.5, 0.75]},
        "train_count": 8,
        "test_count": 4,
        "test_accuracy": 0.75,
        "confusion": [[2, 0], [1, 1]],
        "labels": ["cat", "dög"],
        "data_sha256": "ab12",
    }  # fmt: skip


def test_the_record_speaks_of_its_own_files_only(result: TrainingResult, tmp_path: Path) -> None:
    save_training(result, tmp_path)
    known = TrainingRecord(("cat", "dög"), Preprocessing(18, 18, 1))
    for name in ("model.h5", "model.keras"):
        assert read_training_record(tmp_path / name, digest(tmp_path / name)) == known
    (tmp_path / "other.h5").write_bytes((tmp_path / "model.h5").read_bytes())
    assert read_training_record(tmp_path / "other.h5", digest(tmp_path / "model.h5")) == TrainingRecord()


def test_a_record_of_another_file_is_not_used_and_that_is_said(result: TrainingResult, tmp_path: Path) -> None:
    save_training(result, tmp_path)
    record = read_training_record(tmp_path / "model.h5", "digest of the bytes that were converted")
    assert (record.labels, record.preprocessing) == ((), None)
    assert record.note.startswith("training.json belongs to another model.h5: its labels and pixel range are not used.")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"models": 1}', '{"models": {"model.h5": 1}}', "\xff", "[" * 200_000]
)
def test_another_program_s_training_json_says_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"model")
    (tmp_path / "training.json").write_text(content, encoding="latin-1")
    assert read_training_record(tmp_path / "model.h5", "ab12") == TrainingRecord()
    assert read_training_record(tmp_path / "missing.h5", "ab12") == TrainingRecord()


def test_the_files_are_replaced_together_or_not_at_all(
    result: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.h5").write_bytes(b"old")

    def half_written(model: object, path: Path) -> None:
        path.write_bytes(b"half")
        if path.suffix == ".keras":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "_save_model", half_written)
    with pytest.raises(EdgekitError, match="could not be written"):
        save_training(result, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == b"old"
