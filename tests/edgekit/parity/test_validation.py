"""``validate`` on models of every kind: several inputs and outputs, sequences, regression; .tflite beside .tflite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgekit.cli import cli
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.predictors import open_predictor
from edgekit.parity.validation import Validation, validate, validate_all
from edgekit_runtime.errors import DataError, ModelFileError

NO_LIMITS = Thresholds()


def everything(**said: object) -> ValidationOptions:
    return ValidationOptions(everything=True, **said)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of two inputs and three outputs (classes, a value, classes of five steps), and its .tflite."""
    import keras

    folder = tmp_path_factory.mktemp("many")
    keras.utils.set_random_seed(1)
    left, right = keras.layers.Input((4,), name="left"), keras.layers.Input((3,), name="right")
    joined = keras.layers.Concatenate()([left, right])
    kind = keras.layers.Dense(3, activation="softmax", name="kind")(joined)
    size = keras.layers.Dense(1, name="size")(joined)
    steps = keras.layers.Reshape((5, 2))(keras.layers.Dense(10)(joined))
    steps = keras.layers.Softmax(name="steps")(steps)
    keras.Model([left, right], [kind, size, steps]).save(folder / "many.keras")
    result = CliRunner().invoke(cli, ["convert", str(folder / "many.keras"), "--quantize", "dynamic"])
    assert result.exit_code == 0, result.output
    return folder / "many.keras", folder / "many-dynamic.tflite"


@pytest.fixture
def many_data(many: tuple[Path, Path], tmp_path: Path) -> Path:
    """100 examples; the labels are what the Keras model answers, and the value's targets 1 above that."""
    random = np.random.default_rng(0)
    inputs = {"left": random.normal(size=(100, 4)), "right": random.normal(size=(100, 3))}
    inputs = {name: values.astype(np.float32) for name, values in inputs.items()}
    answers = open_predictor(many[0]).predict(inputs)
    classes = {"y_kind": answers["kind"].argmax(1), "y_steps": answers["steps"].argmax(2)}
    site = np.array(["a", "b"] * 50)
    np.savez(tmp_path / "many.npz", **inputs, **classes, y_size=answers["size"] + 1, site=site)
    return tmp_path / "many.npz"


def test_every_output_is_compared(many: tuple[Path, Path], many_data: Path) -> None:
    validation = validate(*many, str(many_data), thresholds=NO_LIMITS, options=everything(slice_by="site"))
    kind, size, steps = validation.outputs
    assert [output.name for output in validation.outputs] == ["kind", "size", "steps"]
    assert kind.classification is not None
    assert kind.classification.labelled is not None
    assert kind.classification.labelled.reference_top1 == 1
    assert size.classification is None
    assert size.regression is not None
    assert size.regression.mae.reference == pytest.approx(1, abs=1e-6)
    assert 0 < abs(size.regression.mae.worsening) < 0.1
    assert [output.kind for output in validation.outputs] == ["classes", "values", "sequence"]
    tokens, whole, _ = steps.metrics
    assert (tokens.reference, whole.reference) == (1, 1)
    for output in validation.outputs:
        assert output.errors.samples == 100
        assert {each.name: each.samples for each in output.slices} == {"a": 50, "b": 50}
    assert set(validation.to_dict()) >= {"data", "agreement", "outputs", "thresholds", "failures", "passed"}


def test_a_tflite_beside_itself_has_no_noise(many: tuple[Path, Path], many_data: Path) -> None:
    validation = validate(many[1], many[1], str(many_data), thresholds=NO_LIMITS, options=everything())
    for output in validation.outputs:
        assert output.errors.snr_db is None
        assert output.errors.max_absolute_difference == 0
    assert validation.samples == 100
    assert len(validation.data_sha256) == 64


def test_another_number_of_outputs_is_refused(many: tuple[Path, Path], variants_folder: Path, many_data: Path) -> None:
    with pytest.raises(ModelFileError, match="different numbers of inputs"):
        validate(many[1], variants_folder / "model-none.tflite", str(many_data), thresholds=NO_LIMITS)


def digits(folder: Path, count: int = 60) -> None:
    from edgekit.datasets import load_dataset

    data = load_dataset("digits")
    for number in range(count):
        slice_folder = folder / ("morning", "evening")[number % 2] / str(data.y_test[number])
        slice_folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.x_test[number, :, :, 0]).save(slice_folder / f"{number}.png")


@pytest.fixture(scope="session")
def compared(variants_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Validation, ...]:
    """The dynamic and the int8 model beside the float32 one, on images in folders by time of day."""
    folder = tmp_path_factory.mktemp("images")
    digits(folder)
    reference, *candidates = (variants_folder / f"model-{mode}.tflite" for mode in ("none", "dynamic", "int8"))
    options = everything(slice_by="folder")
    return validate_all(reference, candidates, str(folder), thresholds=NO_LIMITS, options=options)


def test_several_candidates_beside_one_reference(compared: tuple[Validation, ...]) -> None:
    assert [validation.candidate.name for validation in compared] == ["model-dynamic.tflite", "model-int8.tflite"]
    assert all(validation.agreement.top1_agreement == 1 for validation in compared)
    noise = [validation.outputs[0].errors.snr_db or 0 for validation in compared]
    assert 20 < noise[1] < noise[0]


def test_slices_and_labels_come_from_folders(compared: tuple[Validation, ...]) -> None:
    (output,) = compared[0].outputs
    assert {each.name: each.samples for each in output.slices} == {"morning": 30, "evening": 30}
    assert output.classification is not None
    assert output.classification.labels == tuple("0123456789")
    assert all(name.startswith(("morning/", "evening/")) for name, _ in output.errors.worst)


def test_a_function_of_the_user_s_is_compared_on(
    variants_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "digit_data.py").write_text(
        "from edgekit.datasets import load_dataset\n\n"
        "def scans():\n    data = load_dataset('digits')\n    yield from zip(data.x_test, data.y_test)\n"
    )
    monkeypatch.chdir(tmp_path)
    models = (variants_folder / f"model-{mode}.tflite" for mode in ("none", "int8"))
    validation = validate(
        *models, "python:digit_data:scans", thresholds=Thresholds(0.01), options=everything(samples=50)
    )
    assert validation.samples == 50
    assert validation.agreement.reference_top1 is not None
    assert validation.failures == ()


def test_an_empty_held_back_part_is_a_sentence(variants_folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((1, 28, 28), np.uint8))
    models = [variants_folder / f"model-{mode}.tflite" for mode in ("none", "int8")]
    with pytest.raises(DataError, match="no held-back examples") as caught:
        validate(*models, str(tmp_path / "one.npy"), thresholds=NO_LIMITS)
    assert caught.value.next_step == "pass --everything"
    assert validate(*models, str(tmp_path / "one.npy"), thresholds=NO_LIMITS, options=everything()).samples == 1


def test_memory_does_not_hold_the_data(variants_folder: Path, tmp_path: Path) -> None:
    import tracemalloc

    models = [variants_folder / f"model-{mode}.tflite" for mode in ("none", "int8")]
    pixels = np.random.default_rng(0).integers(0, 256, (4200, 28, 28, 1), np.uint8)
    peaks = []
    for count in (2_100, 4_200):
        np.savez(tmp_path / f"{count}.npz", x=pixels[:count])
        tracemalloc.start()
        validate(*models, str(tmp_path / f"{count}.npz"), thresholds=NO_LIMITS, options=everything())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # As floats 2,100 images more take 6.6 MB, as pixels 1.6 MB.
    assert peaks[1] - peaks[0] < 600_000
