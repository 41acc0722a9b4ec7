"""What the data's targets show of a model's outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from edgekit_runtime.errors import UsageError
from edgekit_runtime.task import CLASSES, DATA, LABELS, MASK, SEQUENCE, UNNAMED, USER, VALUES, Claim, Task
from edgekit_runtime.tensor_info import TensorInfo, model_outputs
from edgekit_runtime.tflite.description import ModelDescription

#: By the number of axes of class numbers, examples included.
_KIND_BY_RANK = {1: CLASSES, 2: SEQUENCE, 3: MASK}


def data_claim(description: ModelDescription, targets: Mapping[str, np.ndarray]) -> Claim:
    """The kinds of outputs that targets belong to.

    Args:
        description: The model.
        targets: Class numbers, int64 (N, …), or real targets, float32 (N, …), by output name; under ``UNNAMED`` those
            of the only output.
    """
    outputs = model_outputs(description)
    kinds = {}
    for info in outputs:
        given = _targets_of(info, targets, count=len(outputs))
        kind = None if given is None else _kind_of(given, info)
        if kind is not None:
            kinds[info.name] = kind
    return Claim(DATA, outputs=kinds)


def require_agreement(description: ModelDescription, targets: Mapping[str, np.ndarray], task: Task) -> None:
    """Refuse values that the user declares for an output whose labels are something else: they could judge nothing.

    Args:
        description: The model.
        targets: Labels by output name, as for :func:`data_claim`.
        task: What the outputs are.
    Raises:
        UsageError: An output is declared as values, and the data has another number of labels for it.
    """
    for info in model_outputs(description):
        given = _targets_of(info, targets, count=len(task.outputs))
        kind = task.outputs[info.name]
        if given is None or kind.source != USER or kind.name != VALUES or -1 in info.shape[1:]:
            continue
        if given.size == len(given) * math.prod(info.shape[1:]):
            continue
        shown = _kind_of(given, info)
        raise UsageError(
            f"Output {info.name} was declared as values, and the data's labels do not fit values.",
            expected=f"real targets, shape {('N', *info.shape[1:])}".replace("'", ""),
            received=f"shape {('N', *given.shape[1:])}".replace("'", "") + (f", which is a {shown}" if shown else ""),
            next_step="leave --task or --output-kind out, so that the labels decide, or pass targets of that shape",
        )


def _targets_of(info: TensorInfo, targets: Mapping[str, np.ndarray], *, count: int) -> np.ndarray | None:
    """The labels of an output; those without a name belong to the only one."""
    given = targets.get(info.name)
    return targets.get(UNNAMED) if given is None and count == 1 else given


def note_on_unused(targets: Mapping[str, np.ndarray], task: Task) -> str:
    """A sentence if labels belong to no output: of several outputs, each needs its own by name."""
    outputs = list(task.outputs)
    unused = [name for name in targets if name not in outputs and (name != UNNAMED or len(outputs) > 1)]
    if not unused:
        return ""
    names = " and ".join(f"y_{name}" if name else "y" for name in unused)
    wanted = " or ".join(f"y_{name}" for name in outputs)
    return f"Labels called {names} were not used, since they name no output of the model; call them {wanted}."


def _kind_of(targets: np.ndarray, info: TensorInfo) -> str | None:
    """Integers are classes, multi-hot rows labels, maps of integers a mask; all else is values."""
    rank = len(info.shape)
    if targets.ndim == rank and any(
        size not in (-1, given) for size, given in zip(info.shape[1:], targets.shape[1:], strict=True)
    ):
        # Of another form: the graph's kind stays, and the metric says what does not fit.
        return None
    are_bits = bool(np.isin(targets, (0, 1)).all())
    if targets.ndim == rank == 2 and info.shape[1] != 1:
        return LABELS if are_bits else VALUES
    if targets.dtype.kind == "f":
        return VALUES
    is_chosen = info.dtype.kind in "iu" and info.quantization is None
    if targets.ndim != (rank if is_chosen else rank - 1):
        return VALUES if targets.ndim == rank else None
    if not is_chosen and info.shape[-1] == 1 and not are_bits:
        # Whole numbers for a single value are counts or years.
        return VALUES
    return _KIND_BY_RANK.get(targets.ndim)
