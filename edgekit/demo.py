"""Runs the main workflow on real digits: train, convert, compare, and predict with the device's runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit.budget.choice import equally_fast
from edgekit.conversion import Conversion, ConversionOptions, convert
from edgekit.datasets import load_dataset
from edgekit.datasets.dataset import Dataset
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, to_model_input
from edgekit.demo_result import DemoResult, Variant
from edgekit.devices.separate_process import classify_in_separate_process
from edgekit.parity.agreement import compare
from edgekit.parity.predictions import keras_predict
from edgekit.reports.figures.variants import VariantPoint, draw_answers, draw_tradeoff
from edgekit.training.fit import TrainingResult, train
from edgekit.training.options import TrainingOptions
from edgekit.training.saving import save_training
from edgekit_converters.atomic_files import replacing
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import Mode
from edgekit_runtime.classification import Classification
from edgekit_runtime.device_benchmark import measure_latency
from edgekit_runtime.errors import EdgekitError

#: The fastest variant within this drop of top-1 accuracy is selected.
_LARGEST_DROP = 0.005
_LATENCY_RUNS = 300


def run_demo(folder: Path, *, seed: int, say: Callable[[str], None], progress: Any) -> DemoResult:
    """Run the whole demo and write its files to ``folder``.

    Args:
        folder: Output folder, which is created if it does not exist.
        seed: Seed of the training and of the choice of calibration images.
        say: Called with one sentence for each step.
        progress: Context manager of a progress bar, see ``edgekit.progress.progress_bar``.
    Raises:
        EdgekitError: A step failed; the files written so far are kept.
    """
    dataset = load_dataset("digits", seed=seed)
    say(f"Training the reference CNN on {len(dataset.x_train)} scanned digits; {len(dataset.x_test)} are held back.")
    trained = train(dataset, TrainingOptions(seed=seed))
    save_training(trained, folder)
    say("Converting model.h5 to float32, float16, dynamic and int8.")
    with progress("Converting", None):
        conversion = _convert(folder, seed)
    say("Comparing each with the Keras model on the held-back digits.")
    expected, variants = _compare(trained, dataset, conversion)
    winner = choose(variants)
    say(f"Classifying the held-back digits with {winner.path.name} in a process without TensorFlow.")
    predictions = edgekit_runtime.load(winner.path).classify(dataset.x_test)
    interpreter = _classify_elsewhere(winner, predictions, dataset, folder)
    keras_top1 = float(np.mean(expected.argmax(1) == dataset.y_test))
    points = [VariantPoint(v.name, v.size_bytes, v.agreement.candidate_top1 or 0.0, v.latency.p50_ms) for v in variants]
    draw_tradeoff(points, keras_top1, winner.name, folder / "tradeoff.png")
    _draw_doubtful(dataset, expected, predictions, winner.name, folder / "digits.png")
    return DemoResult(
        folder=folder,
        train_images=len(dataset.x_train),
        test_images=len(dataset.x_test),
        keras_top1=keras_top1,
        variants=variants,
        winner=winner.name,
        replayed_images=len(dataset.x_test),
        replay_interpreter=interpreter,
    )


def choose(variants: Sequence[Variant]) -> Variant:
    """The fastest variant within the allowed drop, or else the first one, which is not quantized.

    If timing cannot tell several variants from the fastest, the smallest of them is selected.
    """
    kept = [variant for variant in variants if (variant.agreement.accuracy_drop or 0.0) <= _LARGEST_DROP]
    candidates = kept or list(variants[:1])
    fastest = [candidates[index] for index in equally_fast([variant.latency.p50_ms for variant in candidates])]
    return min(fastest, key=lambda variant: variant.size_bytes)


def _convert(folder: Path, seed: int) -> Conversion:
    outputs = {
        mode: folder / f"model-{mode.value}.tflite" for mode in (Mode.NONE, Mode.FLOAT16, Mode.DYNAMIC, Mode.INT8)
    }
    return convert(LoweringRequest(folder / "model.h5"), outputs, ConversionOptions(data="digits", seed=seed))


def _compare(
    trained: TrainingResult, dataset: Dataset, conversion: Conversion
) -> tuple[np.ndarray, tuple[Variant, ...]]:
    """Return the Keras model's outputs for the held-back images, and the variants compared with them."""
    shape = (-1, *trained.model.inputs[0].shape[1:])
    inputs = to_model_input(dataset.x_test, shape, "float32", DEFAULT_PIXEL_RANGE)
    expected = keras_predict(trained.model, inputs)
    variants = []
    for converted in conversion.models:
        model = edgekit_runtime.load(converted.path)
        agreement = compare(expected, np.asarray(model.predict(inputs)), dataset.y_test)
        latency = measure_latency(model, runs=_LATENCY_RUNS)
        variants.append(Variant(converted.quantize, converted.path, converted.size_bytes, agreement, latency))
    return expected, tuple(variants)


def _classify_elsewhere(winner: Variant, predictions: Sequence[Classification], dataset: Dataset, folder: Path) -> str:
    """Predict the held-back images in another process, compare the classes, and return the interpreter's name."""
    images = folder / "held-back-digits.npy"
    with replacing(images) as temporary:
        np.save(temporary, dataset.x_test)
    elsewhere = classify_in_separate_process(winner.path, images)
    here = [prediction.index for prediction in predictions]
    if elsewhere.tensorflow_loaded or list(elsewhere.classes) != here:
        raise EdgekitError(
            "The separate process predicted other classes than this one.",
            expected=f"{len(here)} equal predictions, without TensorFlow in the process",
            received=f"{sum(a == b for a, b in zip(elsewhere.classes, here, strict=True))} equal predictions, "
            f"TensorFlow {'loaded' if elsewhere.tensorflow_loaded else 'not loaded'}",
        )
    return elsewhere.interpreter


def _draw_doubtful(
    dataset: Dataset, expected: np.ndarray, predictions: Sequence[Classification], variant: str, path: Path
) -> None:
    """Draw twelve images, first those that the Keras model misclassifies, because they are the most interesting."""
    right = expected.argmax(1) == dataset.y_test
    shown = np.argsort(right, kind="stable")[:12]
    draw_answers(
        dataset.x_test[shown],
        truth=[dataset.labels[dataset.y_test[row]] for row in shown],
        keras=[dataset.labels[expected[row].argmax()] for row in shown],
        tflite=[predictions[row].label for row in shown],
        variant=variant,
        path=path,
    )
