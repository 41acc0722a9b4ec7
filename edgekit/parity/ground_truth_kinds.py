"""Derives the kinds of a model's outputs from the ground truth of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit_runtime.errors import UsageError
from edgekit_runtime.task import BOXES, CLASSES, DATA, LABELS, MASK, SEQUENCE, UNNAMED, USER, VALUES, Claim, Task
from edgekit_runtime.tensor_info import TensorInfo, model_outputs
from edgekit_runtime.tflite.description import ModelDescription

#: Kind by the number of axes of integer classes, including the examples' axis.
_KIND_BY_RANK = {1: CLASSES, 2: SEQUENCE, 3: MASK}


def data_claim(description: ModelDescription, ground_truth: Mapping[str, np.ndarray]) -> Claim:
    """The kinds of outputs that the ground truth implies.

    Args:
        description: Description of the model.
        ground_truth: Classes, int64 (N, …), or real values, float32 (N, …), by output name, or under ``UNNAMED`` for
            the only output.
    """
    outputs = model_outputs(description)
    kinds = {}
    for info in outputs:
        given = _ground_truth_of(info, ground_truth, count=len(outputs))
        kind = None if given is None else _kind_of(given, info)
        if kind is not None:
            kinds[info.name] = kind
    return Claim(DATA, outputs=kinds)


def require_agreement(description: ModelDescription, ground_truth: Mapping[str, np.ndarray], task: Task) -> None:
    """Refuse an output declared as values if the ground truth has another shape, so that it could not be judged.

    Args:
        description: Description of the model.
        ground_truth: As for :func:`data_claim`.
        task: Kinds of the outputs.
    Raises:
        UsageError: An output is declared as values, and its ground truth has another number of values.
    """
    for info in model_outputs(description):
        given = _ground_truth_of(info, ground_truth, count=len(task.outputs))
        kind = task.outputs[info.name]
        if given is None or kind.source != USER or kind.name != VALUES or -1 in info.shape[1:]:
            continue
        if given.size == len(given) * math.prod(info.shape[1:]):
            continue
        shown = _kind_of(given, info)
        raise UsageError(
            f"Output {info.name} was declared as values, but the ground truth of the data has another shape.",
            expected=f"real values, shape {('N', *info.shape[1:])}".replace("'", ""),
            received=f"shape {('N', *given.shape[1:])}".replace("'", "") + (f", which is a {shown}" if shown else ""),
            next_step="omit --task or --output-kind, so that the data decides, or pass ground truth of that shape",
        )


def _ground_truth_of(info: TensorInfo, ground_truth: Mapping[str, np.ndarray], *, count: int) -> np.ndarray | None:
    """The ground truth of an output; without a name it belongs to the only output."""
    given = ground_truth.get(info.name)
    return ground_truth.get(UNNAMED) if given is None and count == 1 else given


def note_on_unused(ground_truth: Mapping[str, np.ndarray], task: Task) -> str:
    """A sentence if ground truth belongs to no output; with several outputs it must be named after one."""
    outputs = list(task.outputs)
    unused = [name for name in ground_truth if name not in outputs and (name != UNNAMED or len(outputs) > 1)]
    if BOX_GROUND_TRUTH in unused:
        if BOXES in {kind.name for kind in task.outputs.values()}:
            return ""
        return "The true boxes of the data were not used, because the model is not declared as a detector: --boxes."
    if not unused:
        return ""
    names = " and ".join(f"y_{name}" if name else "y" for name in unused)
    wanted = " or ".join(f"y_{name}" for name in outputs)
    return f"Ground truth called {names} was not used, because it names no output of the model; call it {wanted}."


def _kind_of(ground_truth: np.ndarray, info: TensorInfo) -> str | None:
    """Integers are classes, multi-hot rows are labels, maps of integers are a mask; everything else is values."""
    rank = len(info.shape)
    if ground_truth.ndim == rank and any(
        size not in (-1, given) for size, given in zip(info.shape[1:], ground_truth.shape[1:], strict=True)
    ):
        # Another shape: the graph's kind stays, and the metric reports what is not compatible.
        return None
    are_bits = bool(np.isin(ground_truth, (0, 1)).all())
    if ground_truth.ndim == rank == 2 and info.shape[1] != 1:
        return LABELS if are_bits else VALUES
    if ground_truth.dtype.kind == "f":
        return VALUES
    is_chosen = info.dtype.kind in "iu" and info.quantization is None
    if ground_truth.ndim != (rank if is_chosen else rank - 1):
        return VALUES if ground_truth.ndim == rank else None
    if not is_chosen and info.shape[-1] == 1 and not are_bits:
        # Integers for a single value are numbers such as counts or years.
        return VALUES
    return _KIND_BY_RANK.get(ground_truth.ndim)
