"""Cross-fitting for scarce data: calibrate on one part and judge on the other, in turn.

Every example is judged once, with a model that was not calibrated on it, and all examples together give one score.
Intervals and verdicts are therefore computed as for the same number of held-back examples. The judged models share the
recipe of the delivered file, but not its ranges: each is calibrated on fewer examples than the file, so the score is
conservative. The interval does not include two effects: all examples of a fold share the same ranges, and a search that
compared recipes on these examples has selected among them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.datasets.source import as_digests, row_hashes
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.ranges import Ranges
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: A larger number would multiply the models to build for each recipe.
FOLDS = 2


def fold_numbers(inputs: Mapping[str, np.ndarray], ground_truth: np.ndarray | None, *, seed: int) -> np.ndarray:
    """Assign each example to a fold; copies stay together, and classes are distributed evenly.

    Args:
        inputs: Examples by input name, shape (N, …), at least two of them distinct.
        ground_truth: Ground truth; with classes, int64 (N,), the folds are balanced, otherwise ``seed`` alone decides.
        seed: Seed of the choice.
    Returns:
        Fold of each example, int64 (N,), from 0 to ``FOLDS - 1``.
    """
    digests = as_digests(row_hashes(*inputs.values()))
    _, first, original = np.unique(digests, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    if ground_truth is not None and ground_truth.ndim == 1 and ground_truth.dtype.kind == "i":
        order = order[np.argsort(ground_truth[first][order], kind="stable")]
    fold_of_original = np.empty(len(first), np.int64)
    fold_of_original[order] = np.arange(len(first)) % FOLDS
    return np.asarray(fold_of_original[original])


def ranges_by_fold(
    float_model: TfliteModel,
    inputs: Mapping[str, np.ndarray],
    folds: np.ndarray,
    *,
    samples: int,
    learnt: Mapping[str, tuple[float, float]],
) -> tuple[Ranges, ...]:
    """For each fold, measure the ranges of the activations on the examples outside it.

    Args:
        float_model: The float32 .tflite.
        inputs: Examples by input name, shape (N, …).
        folds: Fold of each example, int64 (N,).
        samples: Maximum number of examples for each calibration.
        learnt: Ranges from quantization-aware training by tensor name, which the delivered file uses too.
    """
    return tuple(
        calibrate(
            float_model,
            (
                {name: values[row : row + 1] for name, values in inputs.items()}
                for row in np.flatnonzero(folds != fold)[:samples]
            ),
        ).with_learnt(learnt)
        for fold in range(FOLDS)
    )
