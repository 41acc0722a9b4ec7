"""Compares the predictions of a model on two devices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit.counting import percent
from edgekit.devices.device import Device
from edgekit.devices.inputs import Inputs
from edgekit.devices.predictions import DeviceFacts, malformed, predictions_of
from edgekit.parity.agreement import Agreement, compare
from edgekit.parity.ground_truth_kinds import data_claim
from edgekit_runtime.errors import BelowThresholdError
from edgekit_runtime.model import Model
from edgekit_runtime.task import UNNAMED
from edgekit_runtime.task_finding import find_task

#: Values that differ by less than this share of the largest are equal: the order of float sums differs.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a device's predictions may be from the reference's.

    Attributes:
        min_agreement: Smallest allowed share of equal classes, for a classifier.
        max_error: Largest allowed difference of an output that is not classes, as a share of its value range.
    """

    min_agreement: float = 0.99
    max_error: float = 0.05


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """Differences of one output.

    Attributes:
        name: Output name.
        equal: Share of values that are equal except for rounding.
        max_error: Largest difference.
        max_steps: The same in quantization steps of the output; None if it is not quantized.
        value_range: Largest minus smallest value on the reference.
        top1_agreement: Share of equal classes or labels; None for outputs of other kinds.
        reference_top1: Top-1 accuracy on the reference; None without ground truth or if the output is not classes.
        device_top1: Top-1 accuracy on the device.
    """

    name: str
    equal: float
    max_error: float
    max_steps: int | None
    value_range: float
    top1_agreement: float | None
    reference_top1: float | None
    device_top1: float | None


@dataclass(frozen=True, slots=True)
class DeviceComparison:
    """Comparison of a model's predictions on two devices, with the tolerance that they were judged by.

    Attributes:
        model: The .tflite.
        reference: Device to compare with.
        device: Device that is judged.
        samples: Number of examples.
        reference_top1: Top-1 accuracy of the first output of classes with ground truth; None without one.
        device_top1: The same on the device.
        outputs: Differences of each output.
        tolerance: Limits of the comparison.
        failures: One sentence for each missed limit.
    """

    model: Path
    reference: DeviceFacts
    device: DeviceFacts
    samples: int
    reference_top1: float | None
    device_top1: float | None
    outputs: tuple[OutputDifference, ...]
    tolerance: Tolerance
    failures: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields."""
        return {**asdict(self), "model": str(self.model), "passed": not self.failures}

    def require_passed(self) -> None:
        """Raise an error if a limit is missed.

        Raises:
            BelowThresholdError: The message has one sentence for each missed limit.
        """
        if self.failures:
            raise BelowThresholdError(
                f"{self.model.name} predicts differently on {self.device.name} than on {self.reference.name}.",
                received="; ".join(self.failures),
                next_step="convert it for that interpreter (edgekit convert --target), or install another there",
            )


def compare_on(
    device: Device, reference: Device, model_file: Path, inputs: Inputs, tolerance: Tolerance
) -> DeviceComparison:
    """Run a model on the same inputs on two devices.

    Args:
        device: Device that is judged.
        reference: Device to compare with.
        model_file: A .tflite.
        inputs: Model inputs.
        tolerance: Limits of the comparison.
    Raises:
        EdgekitError: A device cannot be reached, or does not run the model.
    """
    model = edgekit_runtime.load(model_file)
    expected, reference_facts = predictions_of(reference, model_file, inputs.arrays)
    received, device_facts = predictions_of(device, model_file, inputs.arrays)
    if [array.shape for array in received] != [array.shape for array in expected]:
        raise malformed(device, f"outputs of shape {', '.join(str(array.shape) for array in received) or 'none'}")
    claims = [model.manifest.task, data_claim(model.description, inputs.ground_truth)]
    task = find_task(model.description, claims, label_count=len(model.labels))
    agreements = [
        compare(
            left,
            right,
            _targets(inputs, model, info.name),
            kind=task.outputs[info.name].name,
            is_logit=task.outputs[info.name].is_logit,
        )
        for info, left, right in zip(model.outputs, expected, received, strict=True)
    ]
    outputs = tuple(
        _difference(model, number, left, right, agreement)
        for number, (left, right, agreement) in enumerate(zip(expected, received, agreements, strict=True))
    )
    judged = next((output for output in outputs if output.reference_top1 is not None), outputs[0])
    return DeviceComparison(
        model=model_file,
        reference=reference_facts,
        device=device_facts,
        samples=len(inputs),
        reference_top1=judged.reference_top1,
        device_top1=judged.device_top1,
        outputs=outputs,
        tolerance=tolerance,
        failures=tuple(sentence for output in outputs for sentence in _failures(output, tolerance)),
    )


def _targets(inputs: Inputs, model: Model, output: str) -> np.ndarray | None:
    """Ground truth of an output; without a name it belongs to the only output."""
    return inputs.ground_truth.get(output, inputs.ground_truth.get(UNNAMED) if len(model.outputs) == 1 else None)


def _difference(
    model: Model, number: int, expected: np.ndarray, received: np.ndarray, agreement: Agreement
) -> OutputDifference:
    error = np.abs(expected.astype(np.float64) - received)
    # NaN is never equal, so an interpreter that gives it fails every limit below.
    equal = error <= _ROUNDING * np.abs(expected).max(initial=1e-30)
    step = _step(model, number)
    largest = float(np.nan_to_num(error, nan=np.inf).max(initial=0.0))
    return OutputDifference(
        name=model.outputs[number].name,
        equal=float(equal.mean()),
        max_error=largest,
        max_steps=None if not step or np.isinf(largest) else round(largest / step),
        value_range=float(expected.max() - expected.min()),
        top1_agreement=agreement.top1_agreement,
        reference_top1=agreement.reference_top1,
        device_top1=agreement.candidate_top1,
    )


def _step(model: Model, number: int) -> float:
    """The scale of a quantized output, even behind a DEQUANTIZE; 0 if the output is not quantized."""
    output = model.outputs[number]
    main = model.description.subgraphs[0]
    for operator in main.operators:
        if operator.name == "DEQUANTIZE" and output.index in operator.outputs:
            scales = main.tensors[operator.inputs[0]].scales
            return float(scales[0]) if len(scales) == 1 else 0.0
    return output.scale


def _failures(output: OutputDifference, tolerance: Tolerance) -> list[str]:
    if output.top1_agreement is not None:
        if output.top1_agreement >= tolerance.min_agreement:
            return []
        return [
            f"{output.name}: the same class for {percent(output.top1_agreement)}, "
            f"needed {percent(tolerance.min_agreement)}"
        ]
    allowed = tolerance.max_error * output.value_range
    if output.max_error <= allowed or output.equal == 1:
        return []
    return [f"{output.name}: values differ by up to {output.max_error:.3g}, allowed {allowed:.3g}"]
