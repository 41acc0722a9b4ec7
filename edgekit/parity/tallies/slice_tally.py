"""Running comparison for each slice of the data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgekit.parity.paired_statistics import PairedCounts, drop_interval
from edgekit.parity.results import SliceParity
from edgekit.parity.tallies.regression_tally import ExampleErrors
from edgekit_runtime.errors import DataError

#: With more names, the column is probably not one of slices but, for example, of numbers.
_MOST_SLICES = 1000


@dataclass
class _Sums:
    samples: int = 0
    values: int = 0
    error: float = 0.0
    predictions: int = 0
    equal: int = 0
    counts: PairedCounts | None = None
    against_ground_truth: list[ExampleErrors] = field(default_factory=list)

    def merge(self, later: _Sums) -> None:
        for name in ("samples", "values", "error", "predictions", "equal", "against_ground_truth"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        if later.counts is not None:
            self.counts = later.counts if self.counts is None else self.counts + later.counts


class SliceTally:
    """Running comparison by slice.

    Args:
        seed: Seed of the bootstrap.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._slices: dict[str, _Sums] = {}

    def add(
        self,
        groups: np.ndarray,
        errors: np.ndarray,
        predictions: tuple[np.ndarray, np.ndarray] | None,
        y: np.ndarray | None,
        against_ground_truth: ExampleErrors | None = None,
    ) -> None:
        """Add a batch.

        Args:
            groups: Slice of each example, str (N,).
            errors: Absolute differences between the models, float (N, values).
            predictions: Predicted classes of both models, int64 (N * steps,), or None.
            y: True classes, int64 (N * steps,), or None.
            against_ground_truth: Both models' errors against real values, or None.
        Raises:
            DataError: There are too many different slices.
        """
        for name in np.unique(groups):
            chosen = groups == name
            sums = self._slices.setdefault(str(name), _Sums())
            sums.samples += int(chosen.sum())
            sums.values += errors[chosen].size
            sums.error += float(errors[chosen].sum())
            if against_ground_truth is not None:
                sums.against_ground_truth.append(against_ground_truth.of(chosen))
            if predictions is None:
                continue
            of_predictions = np.repeat(chosen, len(predictions[0]) // len(groups))
            reference, candidate = (each[of_predictions] for each in predictions)
            sums.predictions += len(reference)
            sums.equal += int(np.count_nonzero(reference == candidate))
            if y is not None:
                right = PairedCounts.of(reference == y[of_predictions], candidate == y[of_predictions])
                sums.counts = right if sums.counts is None else sums.counts + right
        self._require_few()

    def merge(self, later: SliceTally) -> None:
        """Add the examples of a tally that were counted elsewhere and come after these."""
        for name, sums in later._slices.items():
            self._slices.setdefault(name, _Sums()).merge(sums)
        self._require_few()

    def result(self) -> tuple[SliceParity, ...]:
        """The slices, sorted by drop or error growth, largest first."""
        return tuple(sorted((self._slice(name, sums) for name, sums in self._slices.items()), key=_rank))

    def _require_few(self) -> None:
        if len(self._slices) > _MOST_SLICES:
            raise DataError(
                f"The data has more than {_MOST_SLICES:,} slices.",
                expected="a column of names, such as a site or a sensor",
                received=", ".join(list(self._slices)[:3]) + ", …",
            )

    def _slice(self, name: str, sums: _Sums) -> SliceParity:
        errors = ExampleErrors.joined(sums.against_ground_truth) if sums.against_ground_truth else None
        return SliceParity(
            name=name,
            samples=sums.samples,
            mean_absolute_difference=sums.error / max(1, sums.values),
            top1_agreement=sums.equal / sums.predictions if sums.predictions else None,
            counts=sums.counts,
            accuracy_drop=sums.counts.accuracy_drop if sums.counts else None,
            drop_interval=drop_interval(sums.counts) if sums.counts else None,
            mae=errors.mae(self._seed) if errors else None,
            rmse=errors.rmse(self._seed) if errors else None,
        )


def _rank(each: SliceParity) -> tuple[float, float, float, str]:
    growth = each.mae.worsening if each.mae else 0.0
    return -(each.accuracy_drop or 0.0), -growth, -each.mean_absolute_difference, each.name
