"""Formats predictions for the page: ranked classes or values of each model, and differences between variants."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.parity.predictors import matched
from edgekit.studio.models import Prediction, RawInputs, StudioModel, error_fields, image_input, predict
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.classification import labels_for, predicted_classes, probabilities, rank
from edgekit_runtime.errors import DataError, EdgekitError
from edgekit_runtime.task import CLASSES, LABELS, MASK, NUMBERS, STATE, TOKENS, Kind

#: Maximum number of entries of a prediction on the page.
_MOST_CLASSES, _MOST_VALUES = 10, 24
#: Maximum number of typed values per input, and of inputs.
_MOST_TYPED, _MOST_FIELDS = 4096, 8
#: Maximum size of the model's view of an image that is sent back.
_MOST_SEEN_PIXELS = 256 * 256
#: Values count as equal if they differ by less than this fraction of the reference's largest value.
_SAME_SHARE = 0.01


def input_form(model: StudioModel) -> dict[str, Any]:
    """The form for the model's inputs on the page: an image, or typed numbers for each input."""
    name = image_input(model)
    if name is not None:
        size = model.preprocessing[name]
        return {"kind": "image", "height": size.height, "width": size.width, "channels": size.channels}
    fields = [
        {
            "name": each.name,
            "shape": list(each.shape[1:]),
            "dtype": each.dtype,
            "kind": model.task.inputs[each.name].name,
        }
        for each in model.inputs
    ]
    typed = all(
        field["kind"] in (NUMBERS, TOKENS) and _is_typed(each) for field, each in zip(fields, model.inputs, strict=True)
    )
    return {"kind": "numbers" if typed and len(fields) <= _MOST_FIELDS else "none", "fields": fields}


def typed_inputs(model: StudioModel, texts: Any) -> RawInputs:
    """Parse numbers that a user typed as inputs of the model.

    Args:
        model: Model whose input names are used.
        texts: Text by input name, from the network and therefore not trusted.
    Raises:
        DataError: A text is not a list of numbers, or their number differs from that of the input.
    """
    if input_form(model)["kind"] != "numbers":
        raise DataError(f"{model.name} does not take typed numbers.")
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise DataError("The inputs are not texts by name.", expected='{"inputs": {"name": "1, 2, 3"}}')
    return RawInputs(None, {each.name: _numbers(each, texts.get(each.name, "")) for each in model.inputs})


def answer_all(models: Mapping[str, StudioModel], raw: RawInputs) -> dict[str, Any]:
    """Run every model on the same inputs, and compare each with the first.

    Args:
        models: Models by identifier; the first is the reference.
        raw: Inputs from the user, for the first model.
    Raises:
        EdgekitError: The first model cannot be run on them.
    """
    reference = next(iter(models.values()))
    first = predict(reference, reference, raw)
    answers = []
    for identifier, model in models.items():
        fields: dict[str, Any] = {"id": identifier, "name": model.name}
        try:
            found = first if model is reference else predict(model, reference, raw)
            fields |= {
                "latency_ms": found.latency_ms,
                "outputs": [
                    described_output(name, kind, found.outputs[name], model.labels)
                    for name, kind in model.task.outputs.items()
                    if kind.name != STATE and name in found.outputs
                ],
                "differences": [] if model is reference else differences(reference, first, model, found),
            }
        except EdgekitError as error:
            fields["error"] = error_fields(error)
        answers.append(fields)
    return {"answers": answers, "seen": _seen(first.pixels)}


def described_output(name: str, kind: Kind, values: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """One output of one example, for the page.

    Args:
        name: Output name.
        kind: Kind of the output.
        values: Real values (1, ...).
        labels: Class names; may be empty.
    """
    described: dict[str, Any] = {"name": name, "kind": kind.name, "shape": list(values.shape[1:])}
    if _is_ranked(kind, values):
        scores = _scores(kind, values)
        names = labels_for(tuple(labels) if len(labels) == scores.shape[1] else (), scores.shape[1])
        top = rank(scores, names, min(_MOST_CLASSES, scores.shape[1]))[0]
        described["top"] = [{"label": entry.label[:200], "score": _finite(entry.score)} for entry in top.top]
        return described
    if kind.name == MASK and values.ndim > 2:
        classes = predicted_classes(probabilities(values, kind.is_logit)).ravel()
        numbers, counts = np.unique(classes, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
        described["shares"] = [
            {"label": _label(labels, int(numbers[place])), "score": float(counts[place] / classes.size)}
            for place in order
        ]
        return described
    flat = np.asarray(values, np.float64).ravel()
    described["values"] = [_finite(value) for value in flat[:_MOST_VALUES].tolist()]
    described["count"] = int(flat.size)
    return described


def differences(reference: StudioModel, expected: Prediction, model: StudioModel, found: Prediction) -> list[str]:
    """One sentence for each output in which a model differs from the reference; empty if they agree."""
    names = matched(list(expected.outputs), list(found.outputs), "outputs")
    sentences = []
    for name, kind in reference.task.outputs.items():
        if kind.name == STATE or name not in expected.outputs:
            continue
        before, after = expected.outputs[name], found.outputs[names[name]]
        sentence = _difference(kind, before, after, reference.labels)
        if sentence:
            prefix = f"{name}: " if len(reference.task.outputs) > 1 else ""
            sentences.append(prefix + sentence)
    return sentences


def _difference(kind: Kind, before: np.ndarray, after: np.ndarray, labels: Sequence[str]) -> str:
    if before.shape != after.shape:
        return f"has the shape {after.shape[1:]} instead of {before.shape[1:]}"
    if kind.name == CLASSES and _is_ranked(kind, before):
        old, new = (int(_scores(kind, values).argmax()) for values in (before, after))
        return "" if old == new else f"{_label(labels, new)} instead of {_label(labels, old)}"
    if kind.name == LABELS and _is_ranked(kind, before):
        old_set, new_set = (set(np.flatnonzero(_scores(kind, values)[0] > 0.5).tolist()) for values in (before, after))
        changed = sorted(old_set ^ new_set)
        return ", ".join(f"{_label(labels, each)} {'added' if each in new_set else 'missing'}" for each in changed)
    if kind.name == MASK and before.ndim > 2:
        old_mask, new_mask = (predicted_classes(probabilities(values, kind.is_logit)) for values in (before, after))
        share = float(np.mean(old_mask != new_mask))
        return f"{share:.1%} of the pixels have another class" if share > _SAME_SHARE else ""
    error = np.abs(before.astype(np.float64) - after.astype(np.float64))
    largest = float(error.max()) if error.size else 0.0
    scale = float(np.abs(before.astype(np.float64)).max()) if before.size else 0.0
    return f"values differ by up to {largest:.3g}" if not largest <= _SAME_SHARE * scale else ""


def _is_ranked(kind: Kind, values: np.ndarray) -> bool:
    return kind.name in (CLASSES, LABELS) and values.ndim == 2 and values.dtype.kind == "f" and values.shape[1] > 0


def _scores(kind: Kind, values: np.ndarray) -> np.ndarray:
    """Scores (1, C) as ranked by ``edgekit predict``; a single score is that of the second of two classes."""
    if values.shape[1] > 1 and kind.name == CLASSES:
        return values
    scores = probabilities(values, kind.is_logit)
    return np.concatenate([1 - scores, scores], axis=1) if values.shape[1] == 1 else scores


def _label(labels: Sequence[str], index: int) -> str:
    return labels[index][:200] if index < len(labels) else str(index)


def _finite(value: float) -> float | None:
    """Replace NaN and infinity by None, because JSON has neither."""
    return float(value) if np.isfinite(value) else None


def _seen(pixels: np.ndarray | None) -> dict[str, Any] | None:
    if pixels is None or pixels.shape[0] * pixels.shape[1] > _MOST_SEEN_PIXELS:
        return None
    height, width, channels = pixels.shape
    content = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
    return {"height": height, "width": width, "channels": channels, "pixels": content}


def _is_typed(model_input: ModelInput) -> bool:
    open_axes = sum(size == -1 for size in model_input.shape[1:])
    known = int(np.prod([size for size in model_input.shape[1:] if size > 0], dtype=np.int64))
    return open_axes <= 1 and known <= _MOST_TYPED and np.dtype(model_input.dtype).kind in "iuf"


def _numbers(model_input: ModelInput, text: str) -> np.ndarray:
    words = text.replace(",", " ").replace(";", " ").split()
    sizes = model_input.shape[1:]
    known = int(np.prod([size for size in sizes if size > 0], dtype=np.int64))
    is_open = -1 in sizes
    wanted = f"{known} numbers" if not is_open else f"numbers, a multiple of {known}"
    fits = (0 < len(words) <= _MOST_TYPED and len(words) % known == 0) if is_open else len(words) == known
    if not fits:
        raise DataError(
            f"The input {model_input.name} takes another number of values.",
            expected=wanted,
            received=f"{len(words)} numbers",
        )
    try:
        values = np.array([float(word) for word in words])
        whole = np.dtype(model_input.dtype).kind in "iu"
        converted = values.astype(model_input.dtype) if np.isfinite(values).all() else None
        if converted is None or (whole and not np.array_equal(converted, values)):
            raise ValueError(f"expected {model_input.dtype}")
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"The values of the input {model_input.name} are not numbers that it takes.",
            expected=f"finite numbers of type {model_input.dtype}, separated by commas or spaces",
            received=str(error)[:200],
        ) from error
    return converted.reshape(1, *sizes)
