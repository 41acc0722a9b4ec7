"""The figures of each slice of the data, added up a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgekit.parity.paired_statistics import PairedCounts, drop_interval
from edgekit.parity.results import SliceParity
from edgekit.parity.tallies.regression_tally import ExampleErrors
from edgekit_runtime.errors import DataError

#: More names are no slices but, say, a column of numbers.
_MOST_SLICES = 1000


@dataclass
class _Sums:
    samples: int = 0
    values: int = 0
    error: float = 0.0
    answers: int = 0
    equal: int = 0
    counts: PairedCounts | None = None
    against_targets: list[ExampleErrors] = field(default_factory=list)


class SliceTally:
    """Running figures by slice.

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
        answers: tuple[np.ndarray, np.ndarray] | None,
        y: np.ndarray | None,
        against_targets: ExampleErrors | None = None,
    ) -> None:
        """Take in a batch.

        Args:
            groups: The slice of each example, str (N,).
            errors: Absolute differences between the models, float (N, values).
            answers: Both models' answers, int64 (N * steps,), or None.
            y: Right classes of the answers, int64 (N * steps,), or None.
            against_targets: Both models' errors against real targets, or None.
        Raises:
            DataError: There are too many different slices.
        """
        for name in np.unique(groups):
            chosen = groups == name
            sums = self._slices.setdefault(str(name), _Sums())
            sums.samples += int(chosen.sum())
            sums.values += errors[chosen].size
            sums.error += float(errors[chosen].sum())
            if against_targets is not None:
                sums.against_targets.append(against_targets.of(chosen))
            if answers is None:
                continue
            of_answers = np.repeat(chosen, len(answers[0]) // len(groups))
            reference, candidate = (each[of_answers] for each in answers)
            sums.answers += len(reference)
            sums.equal += int(np.count_nonzero(reference == candidate))
            if y is not None:
                right = PairedCounts.of(reference == y[of_answers], candidate == y[of_answers])
                sums.counts = right if sums.counts is None else sums.counts + right
        if len(self._slices) > _MOST_SLICES:
            raise DataError(
                f"The data falls into more than {_MOST_SLICES:,} slices.",
                expected="a column of names, such as a site or a sensor",
                received=", ".join(list(self._slices)[:3]) + ", …",
            )

    def result(self) -> tuple[SliceParity, ...]:
        """The slices, the one with the largest drop or the largest growth of the error first."""
        return tuple(sorted((self._slice(name, sums) for name, sums in self._slices.items()), key=_rank))

    def _slice(self, name: str, sums: _Sums) -> SliceParity:
        errors = ExampleErrors.joined(sums.against_targets) if sums.against_targets else None
        return SliceParity(
            name=name,
            samples=sums.samples,
            mean_absolute_difference=sums.error / max(1, sums.values),
            top1_agreement=sums.equal / sums.answers if sums.answers else None,
            counts=sums.counts,
            accuracy_drop=sums.counts.accuracy_drop if sums.counts else None,
            drop_interval=drop_interval(sums.counts) if sums.counts else None,
            mae=errors.mae(self._seed) if errors else None,
            rmse=errors.rmse(self._seed) if errors else None,
        )


def _rank(each: SliceParity) -> tuple[float, float, float, str]:
    growth = each.mae.worsening if each.mae else 0.0
    return -(each.accuracy_drop or 0.0), -growth, -each.mean_absolute_difference, each.name
