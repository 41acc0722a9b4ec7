"""Checks whether the predictions of a float model for its calibration data are plausible."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from edgekit.counting import counted
from edgekit_runtime.classification import probabilities
from edgekit_runtime.model import Model
from edgekit_runtime.task import CLASSES, Task

#: Fewer examples than this prove nothing.
_FEWEST = 20
#: A model with this accuracy is given data like its training data.
_GOOD = 0.8
#: If this share of the predictions is equal, the examples cannot come from all classes.
_NEARLY_ALL = 0.95
#: Minimum gain in accuracy for which another scaling is recommended.
_CLEARLY_BETTER = 0.2


@dataclass(frozen=True, slots=True)
class Rescaling:
    """Another scaling that the values may have had in training.

    Attributes:
        name: Description of the scaling, for messages.
        apply: Applies it to the values of an input.
        pixel_range: Resulting values of pixels 0 and 255; None if the input does not take images.
    """

    name: str
    apply: Callable[[np.ndarray], np.ndarray]
    pixel_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Plausibility:
    """Plausibility of a float model's predictions.

    Attributes:
        top1: Top-1 accuracy, a fraction; None without ground truth or if the model is not a classifier.
        scaling_warning: A sentence if another scaling gives a much higher accuracy.
        warning: A sentence if the predictions cannot be right for any other reason.
    """

    top1: float | None = None
    scaling_warning: str | None = None
    warning: str | None = None


def examine(
    model: Model,
    inputs: dict[str, np.ndarray],
    y: np.ndarray | None,
    *,
    task: Task,
    pixel_ranges: Mapping[str, tuple[float, float]],
    labels: tuple[str, ...] = (),
) -> Plausibility:
    """Run a float model on some examples and, if its accuracy is low, on other scalings of them.

    Args:
        model: The float model.
        inputs: Examples (N, ...) by input name, as calibration would use them.
        y: Ground truth of the examples, (N, ...), or None.
        task: Task of the model; only a single output of classes can be examined.
        pixel_ranges: Real values of pixels 0 and 255 for each image input, by name.
        labels: Class names.
    """
    is_logit = any(kind.is_logit for kind in task.outputs.values())
    if [kind.name for kind in task.outputs.values()] != [CLASSES]:
        return Plausibility()
    scores = _scores(model, inputs, is_logit)
    if scores is None or len(scores) < _FEWEST:
        return Plausibility()
    answers = scores.argmax(1)
    if y is None:
        return Plausibility(warning=_one_answer(answers, scores.shape[1], labels))
    if y.shape != answers.shape:
        # The ground truth has another shape; the code that judges by it reports that.
        return Plausibility()
    if y.max() >= scores.shape[1]:
        return Plausibility(warning=f"The data has a class {y.max()}, the model only {scores.shape[1]} classes.")
    top1 = float(np.mean(answers == y))
    if top1 >= _GOOD:
        return Plausibility(top1)
    better = _best_rescaling(partial(_scores, model, is_logit=is_logit), inputs, y, pixel_ranges)
    if better is not None and better[1] >= top1 + _CLEARLY_BETTER:
        return Plausibility(
            top1,
            f"The float model is right on {top1:.0%} of the examples to calibrate on, and on {better[1]:.0%} of "
            f"them {better[0].name}: they are not scaled as in training.{_advice(better[0].pixel_range)}",
        )
    chance = 1 / scores.shape[1]
    if top1 <= chance + 3 * math.sqrt(chance * (1 - chance) / len(y)):
        return Plausibility(
            top1,
            warning=f"The float model is right on {top1:.0%} of the examples to calibrate on, no more than by "
            "guessing: this is not the data that it was trained for, or its classes are numbered in another order.",
        )
    return Plausibility(top1)


def range_warning(lowest: float, highest: float, pixel_range: tuple[float, float], *, is_known: bool) -> str | None:
    """A sentence if the values of images cannot be in the range that the model takes; otherwise None.

    Args:
        lowest: Smallest value of all examples.
        highest: Largest value of all examples.
        pixel_range: Real values of pixels 0 and 255 that the model takes.
        is_known: Whether the user or the model specifies the range; otherwise it is the usual default.
    """
    low, high = pixel_range
    span = high - low
    outside = max(highest - high, low - lowest)
    taken = f"the model takes {low:g} to {high:g}" + ("" if is_known else ", unless --pixel-range says otherwise")
    given = f"The values to calibrate on go from {lowest:.4g} to {highest:.4g}, and {taken}"
    # Standardized images exceed 0 to 1 by a little; raw pixels exceed it by far.
    if outside > (0.5 if is_known else 10) * span:
        return f"{given}: they are not scaled as in training."
    if highest - lowest < 0.1 * span:
        return f"{given}: they were scaled once too often."
    return None


def _scores(model: Model, inputs: dict[str, np.ndarray], is_logit: bool) -> np.ndarray | None:
    """Scores (N, classes); None if the model returns only the indices of the chosen classes."""
    outputs = list(model.predict_named(inputs).values())
    if len(outputs) != 1 or outputs[0].ndim != 2:
        return None
    scores = probabilities(outputs[0], is_logit)
    # A single score is the second of two classes.
    return scores if scores.shape[1] > 1 else np.concatenate([1 - scores, scores], 1)


def _advice(pixel_range: tuple[float, float] | None) -> str:
    if pixel_range is None:
        return ""
    return f" If they are pixels, --pixel-range {pixel_range[0]:g},{pixel_range[1]:g} fixes it."


def _one_answer(answers: np.ndarray, class_count: int, labels: tuple[str, ...]) -> str | None:
    """A sentence if nearly all predictions are equal; otherwise None."""
    counts = np.bincount(answers)
    most = int(counts.argmax())
    # With two classes, one may be rare.
    if counts[most] < (_NEARLY_ALL if class_count > 2 else 1) * len(answers):
        return None
    name = labels[most] if most < len(labels) else f"class {most}"
    return f"The float model answers {name} to {counts[most]} of {counted(len(answers), 'example')} to calibrate on."


def _best_rescaling(
    score: Callable[[dict[str, np.ndarray]], np.ndarray | None],
    inputs: dict[str, np.ndarray],
    y: np.ndarray,
    pixel_ranges: Mapping[str, tuple[float, float]],
) -> tuple[Rescaling, float] | None:
    names = [name for name, values in inputs.items() if values.dtype.kind == "f"]
    if len(names) != 1:
        return None
    results = []
    for rescaling in _rescalings(inputs[names[0]], pixel_ranges.get(names[0])):
        scores = score(inputs | {names[0]: rescaling.apply(inputs[names[0]]).astype(np.float32)})
        if scores is not None:
            results.append((rescaling, float(np.mean(scores.argmax(1) == y))))
    return max(results, key=lambda result: result[1], default=None)


def _rescalings(values: np.ndarray, pixel_range: tuple[float, float] | None) -> list[Rescaling]:
    mean, deviation = float(values.mean()), float(values.std()) or 1.0
    low, high = pixel_range or (float(values.min()), float(values.max()))
    span = (high - low) or 1.0
    known = pixel_range is not None
    forms = [
        Rescaling("divided by 255", lambda x: x / 255, (low / 255, high / 255) if known else None),
        Rescaling("multiplied by 255", lambda x: x * 255, (low * 255, high * 255) if known else None),
        Rescaling("brought to -1 to 1", lambda x: (x - low) * (2 / span) - 1, (-1, 1) if known else None),
        Rescaling("brought to 0 to 1", lambda x: (x - low) / span, (0, 1) if known else None),
        Rescaling("with mean 0 and deviation 1", lambda x: (x - mean) / deviation),
    ]
    if values.ndim == 4 and values.shape[3] == 3:
        forms.append(Rescaling("with the channels in reverse order", lambda x: x[..., ::-1]))
    return forms
