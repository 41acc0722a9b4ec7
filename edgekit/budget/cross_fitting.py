"""Cross-fitting: where data is scarce, calibrate on one part and judge on the other, in turn.

Every example is judged once, by a model whose ranges it had no part in, and all of them make one score. No example
speaks for itself, and none is counted twice, so intervals and verdicts are those of so many held-back examples. The
models that are judged share the recipe of the delivered file, not its ranges: each was calibrated on fewer examples
than the file, which makes the score a cautious one. What is not in the interval: that each half's ranges are shared by
all examples judged with them, and, if a search compared recipes on these examples, that it chose among them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.datasets.source import as_digests, row_hashes
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.ranges import Ranges
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: More would make as many models of each recipe.
FOLDS = 2


def fold_numbers(inputs: Mapping[str, np.ndarray], targets: np.ndarray | None, *, seed: int) -> np.ndarray:
    """Which fold each example belongs to: copies together, the classes evenly.

    Args:
        inputs: The examples by input name, shape (N, …); two different ones or more.
        targets: Class numbers, int64 (N,); None or other targets leave the choice to ``seed`` alone.
        seed: Seed of the choice.
    Returns:
        int64 (N,), from 0 to ``FOLDS - 1``.
    """
    digests = as_digests(row_hashes(*inputs.values()))
    _, first, original = np.unique(digests, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(first))
    if targets is not None and targets.ndim == 1 and targets.dtype.kind == "i":
        order = order[np.argsort(targets[first][order], kind="stable")]
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
    """For each fold, the ranges of the activations as measured on the examples outside of it.

    Args:
        float_model: The float32 .tflite.
        inputs: The examples by input name, shape (N, …).
        folds: The fold of each example, int64 (N,).
        samples: How many examples each calibration takes, at most.
        learnt: Ranges from quantization-aware training, by tensor name; the delivered file has them, too.
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
