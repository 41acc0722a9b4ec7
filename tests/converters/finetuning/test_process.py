"""Fine-tuning of a small model: what it wins, and that it is repeatable, resumable and honest about what it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_converters.finetuning.options import FineTuningOptions
from edgekit_converters.finetuning.process import FineTuned, fine_tune
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel

from .conftest import OPTIONS, Digits


def test_int4_comes_nearer_to_float(digits: Digits, plain_int4: TfliteModel, tuned_int4: FineTuned) -> None:
    plain, tuned = digits.agreement(plain_int4), digits.agreement(quantize(tuned_int4.model, Mode.INT4))
    assert tuned >= plain + 0.005
    assert tuned_int4.losses[tuned_int4.best_epoch] < 0.5 * tuned_int4.losses[0]
    assert (tuned_int4.trained, tuned_int4.frozen) == (3, ())


def test_the_codes_trained_with_are_the_codes_written(digits: Digits, tuned_int4: FineTuned) -> None:
    """The fine-tuned float model has the integers' values already, so quantizing it changes no weight."""
    quantized = quantize(tuned_int4.model, Mode.INT4)
    assert len(quantized) < 0.5 * len(digits.model)
    expected, written = weights(tuned_int4.model), weights(quantized)
    assert len(written) == 3
    for name, values in written.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-7)


def weights(model: TfliteModel) -> dict[str, np.ndarray]:
    """Real values of the weights, by name."""
    values = TensorValues(model)
    values.run({"digit": np.zeros((1, 8, 8, 1), np.float32)})
    return {
        tensor.name: values.real(tensor)
        for tensor in values.tensors
        if tensor.is_constant and len(tensor.shape) > 1 and tensor.dtype in ("int4", "float32")
    }


def test_an_interrupted_training_continues_and_gives_the_same_bytes(
    digits: Digits, plain_int4: TfliteModel, tuned_int4: FineTuned, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    arguments = (digits.model, plain_int4, {"digit": digits.inputs}, OPTIONS)
    seen: list[int] = []

    def interrupted(batches: int) -> None:
        seen.append(batches)
        # 438 of 500 examples are trained on: 14 batches an epoch.
        if sum(seen) > 2 * 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fine_tune(*arguments, checkpoint=checkpoint, progress=interrupted)
    assert checkpoint.is_file()
    seen.clear()
    continued = fine_tune(*arguments, checkpoint=checkpoint, progress=seen.append)
    assert seen[0] == 2 * 14
    assert continued == tuned_int4
    assert not checkpoint.exists()


def test_int8_ranges_are_learnt_and_written(digits: Digits, tmp_path: Path) -> None:
    samples = [{"digit": one[np.newaxis]} for one in digits.inputs[:100]]
    ranges = calibrate(digits.model, samples)
    options = FineTuningOptions(epochs=1, learning_rate=0.01)
    plain = quantize(digits.model, Mode.INT8, ranges=ranges)
    tuned = fine_tune(
        digits.model, plain, {"digit": digits.inputs[:96]}, options, checkpoint=tmp_path / "checkpoint.npz"
    )
    # The softmax has a fixed range; all other ranges are learnt.
    assert tuned.limits["StatefulPartitionedCall:0"] == pytest.approx((0, 255 / 256))
    measured = calibrate(tuned.model, samples)
    written = quantize(tuned.model, Mode.INT8, ranges=measured.with_learnt(tuned.limits)).description
    for tensor in written.tensors:
        if tensor.name in tuned.limits and tensor.dtype == "int8":
            low, high = tuned.limits[tensor.name]
            assert tensor.scales[0] == pytest.approx((high - low) / 255, rel=1e-5)


def test_loops_are_trained_and_other_layers_are_named(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Input((5,), dtype="int32", name="words"),
        keras.layers.Embedding(20, 8),
        keras.layers.GRU(8),
        keras.layers.Dense(4, name="class"),
    ]
    model = lower_keras_model(keras.Sequential(layers), name="words")[0]
    words = np.random.default_rng(0).integers(0, 20, (48, 5), np.int32)
    tuned = fine_tune(
        model,
        quantize(model, Mode.INT4),
        {"words": words},
        FineTuningOptions(epochs=2, learning_rate=0.01),
        checkpoint=tmp_path / "checkpoint.npz",
    )
    # Two dense layers in the loop, one behind it.
    assert tuned.trained == 3
    assert [kind for _, kind in tuned.frozen] == ["GATHER"]
    assert min(tuned.losses) < tuned.losses[0]


def test_a_model_without_such_layers_is_refused(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((5,), dtype="int32", name="words"), keras.layers.Embedding(20, 8)])
    lowered = lower_keras_model(model, name="words")[0]
    with pytest.raises(ConversionError, match="no layer that --recover can train") as refusal:
        fine_tune(
            lowered,
            quantize(lowered, Mode.DYNAMIC),
            {"words": np.zeros((4, 5), np.int32)},
            FineTuningOptions(epochs=1),
            checkpoint=tmp_path / "checkpoint.npz",
        )
    assert refusal.value.received == "GATHER"
