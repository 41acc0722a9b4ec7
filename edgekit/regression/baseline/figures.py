"""Checks that the figures of a baseline follow from its stored predictions, which a reviewer cannot read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.predictions import ClassPredictions, PredictionErrors, packed_by_output, unpack_predictions
from edgekit_runtime.errors import EdgekitError

#: Errors are stored as float16 relative to the largest one: tolerances for relative rounding and for values near zero.
_RELATIVE_ROUNDING, _STEP_NEAR_ZERO = 2.0**-10, 2.0**-24


def known_record(records: Mapping[str, ModelRecord], name: str) -> ModelRecord:
    """The record of a model, after checking that its figures follow from its predictions.

    Raises:
        EdgekitError: The baseline does not contain the model, or its figures contradict its predictions.
    """
    if name not in records:
        raise EdgekitError(
            f"The baseline has no model {name}.",
            expected=", ".join(records) or "models",
            next_step=f"add it with: edgekit check --update-baseline --model {name}",
        )
    require_true_figures(name, records[name])
    return records[name]


def require_true_figures(name: str, record: ModelRecord) -> None:
    """Recompute example count, top-1 accuracy and mean error from the stored predictions.

    Args:
        name: Model name, for the message.
        record: Record of the model in the baseline.
    Raises:
        EdgekitError: The predictions are damaged, or a figure contradicts them.
    """
    packed = record.answers
    # With ground truth, a correct prediction is stored as 0 whatever its class.
    stored = packed_by_output(packed)
    right = {
        output: np.zeros(record.samples, np.int64) if each.get("labelled") is True else None
        for output, each in stored.items()
    }
    labels = right if packed.get("kind") == "named" else right[""]
    predictions = unpack_predictions(packed, labels, record.samples, f"the baseline of {name}")
    top1 = predictions.top1 if isinstance(predictions, ClassPredictions) else None
    error = predictions.mean_absolute_error if isinstance(predictions, PredictionErrors) else None
    _require_equal(name, "top1", record.top1, top1)
    step = _STEP_NEAR_ZERO * float(packed.get("scale", 0))
    _require_equal(
        name, "mean_absolute_error", record.mean_absolute_error, error, relative=_RELATIVE_ROUNDING, absolute=step
    )
    for each in stored.values():
        if each["kind"] != "outputs":
            _require_equal(name, "samples", record.samples, int(each["samples"]))


def require_comparable(name: str, baseline: ModelRecord, candidate: ModelRecord) -> None:
    """Refuse a baseline that contradicts what was just measured on the same data, or of the same file.

    Args:
        name: Model name, for the message.
        baseline: Record of the model in the baseline.
        candidate: Record measured now, on the same data.
    Raises:
        EdgekitError: The records contradict each other.
    """
    _require_equal(name, "samples", baseline.samples, candidate.samples)
    found = packed_by_output(candidate.answers)
    for output, before in packed_by_output(baseline.answers).items():
        now = found.get(output, {})
        if before.get("kind") == now.get("kind") == "classes" and before.get("labelled") != now.get("labelled"):
            raise _contradiction(name, "labelled", before.get("labelled"), now.get("labelled"))
    if baseline.sha256 == candidate.sha256:
        for field in ("size_bytes", "labels"):
            if getattr(baseline, field) != getattr(candidate, field):
                raise _contradiction(name, field, *(getattr(record, field) for record in (baseline, candidate)))


def _require_equal(
    name: str, field: str, stored: float | None, found: float | None, *, relative: float = 1e-9, absolute: float = 0.0
) -> None:
    if stored is None and found is None:
        return
    if stored is None or found is None or not math.isclose(stored, found, rel_tol=relative, abs_tol=absolute):
        raise _contradiction(name, field, stored, found)


def _contradiction(name: str, field: str, stored: Any, found: Any) -> EdgekitError:
    return EdgekitError(
        f"The baseline of {name} contradicts itself or its data: {field} was edited.",
        expected=f"{field} {str(found)[:80]}",
        received=f"{field} {str(stored)[:80]}",
        next_step="restore it from version control, or rewrite it with: edgekit check --update-baseline",
    )
