"""A step that fails is left out and named, and the rest of the repair goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.repair.graph import EditableGraph
from edgekit_converters.repair.layers import layers, replace_weights
from edgekit_converters.repair.repair import STEPS, Bench, Draft, FailedStep, Repair, StepRecord, repair
from edgekit_runtime.errors import ConversionError
from edgekit_runtime.tflite.tflite_model import TfliteModel


def repaired(model: TfliteModel, images: np.ndarray, steps: tuple[StepRecord, ...]) -> Repair:
    inputs = {model.description.signatures[0].inputs[0][0]: images}

    def int8(draft: Draft) -> TfliteModel:
        samples = ({name: rows[[row]] for name, rows in inputs.items()} for row in range(len(images)))
        return quantize(draft.model, Mode.INT8, ranges=calibrate(draft.model, samples))

    return repair(model, inputs, int8, steps=steps)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (np.linalg.LinAlgError("SVD did not\nconverge"), "LinAlgError: SVD did not converge"),
        (KeyError(7), "KeyError: 7"),
        (ConversionError("No scale.", received="nan"), "ConversionError: No scale."),
    ],
    ids=["numerical", "lookup", "edgekit"],
)
def test_a_failed_step_is_named_and_the_others_are_as_without_it(
    small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray, error: Exception, reason: str
) -> None:
    def fail(draft: Draft, bench: Bench, option: Any) -> Draft:
        raise error

    rounding = STEPS[-2]
    assert rounding.name == "adaptive rounding"
    failing = StepRecord("failing", "fails", (None,), fail)
    made = repaired(small_cnn_tflite, small_cnn_inputs, (failing, rounding))
    without = repaired(small_cnn_tflite, small_cnn_inputs, (rounding,))
    assert made.failed == (FailedStep("failing", reason),)
    assert without.failed == ()
    assert made.steps == without.steps
    assert made.draft.model.content == without.draft.model.content


def test_weights_that_are_not_finite_are_never_kept(
    small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray
) -> None:
    def ruin(draft: Draft, bench: Bench, option: Any) -> Draft:
        graph = EditableGraph(draft.model)
        layer = layers(graph)[0]
        replace_weights(graph, layer, layer.weights * np.float32("nan"))
        return Draft(graph.model())

    made = repaired(small_cnn_tflite, small_cnn_inputs, (StepRecord("ruin", "ruins", (None,), ruin),))
    assert made.steps == ()
    assert made.draft.model is small_cnn_tflite


def test_a_mistake_in_the_code_is_not_hidden(small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray) -> None:
    def mistake(draft: Draft, bench: Bench, option: Any) -> Draft:
        raise TypeError("no such argument")

    with pytest.raises(TypeError):
        repaired(small_cnn_tflite, small_cnn_inputs, (StepRecord("mistake", "errs", (None,), mistake),))
