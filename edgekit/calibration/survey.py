"""Collects statistics of calibration data without running the model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from edgekit.counting import counted
from edgekit.datasets.source import row_hashes
from edgekit.datasets.streams import Batch
from edgekit_runtime.errors import DataError

#: Fewer examples than this give unreliable ranges.
_FEW = 32
#: Number of int8 codes. A column whose range is less than 1/256 of the input's range collapses to a single code.
_CODES = 256
#: Maximum number of class names to list.
_LISTED = 8


@dataclass
class Survey:
    """Running statistics of a stream of examples.

    Attributes:
        count: Number of examples so far.
        lowest: Smallest value of each input.
        highest: Largest value of each input.
        constant: Number of examples whose values are all equal, by input; inputs with a single value are not counted.
        classes: Number of examples of each class; empty if the ground truth is not classes.
        columns: Smallest and largest value of each column, float64 (2, columns), for each input that is a table.
    """

    count: int = 0
    lowest: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)
    constant: Counter[str] = field(default_factory=Counter)
    classes: Counter[int] = field(default_factory=Counter)
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        """Number of distinct examples."""
        return len(self._seen)

    def add(self, batch: Batch) -> None:
        """Add a batch to the statistics."""
        self.count += len(batch)
        for name, values in batch.inputs.items():
            rows = values.reshape(len(values), -1)
            low, high = rows.min(1), rows.max(1)
            self.lowest[name] = min(self.lowest.get(name, np.inf), float(low.min()))
            self.highest[name] = max(self.highest.get(name, -np.inf), float(high.max()))
            if rows.shape[1] > 1:
                self.constant[name] += int(np.count_nonzero(low == high))
            if values.ndim == 2 and values.dtype.kind == "f" and values.shape[1] > 1:
                self._add_columns(name, values)
        self._seen.update(row_hashes(*batch.inputs.values()))
        y = batch.y
        if y is not None and y.ndim == 1 and y.dtype.kind == "i":
            self.classes.update(y.tolist())

    def _add_columns(self, name: str, values: np.ndarray) -> None:
        limits = np.stack([values.min(0), values.max(0)]).astype(np.float64)
        before = self.columns.get(name, limits)
        self.columns[name] = np.stack([np.minimum(before[0], limits[0]), np.maximum(before[1], limits[1])])

    @property
    def wide_inputs(self) -> dict[str, float]:
        """Ratio of each input's range to that of its narrowest column, if it is too large for a single int8 scale."""
        factors = {}
        for name, (low, high) in self.columns.items():
            ranges = (high - low)[high > low]
            factor = float((high.max() - low.min()) / ranges.min()) if len(ranges) else 1.0
            if factor > _CODES:
                factors[name] = factor
        return factors

    def require_usable(self, name: str) -> None:
        """Refuse data that is unsuitable for any model.

        Args:
            name: Name of the data, for messages.
        Raises:
            DataError: There are no examples, all examples are equal, or each example is constant.
        """
        if self.count == 0:
            raise DataError(f"{name} has no examples to calibrate on.", next_step="pass some hundred real inputs")
        if self.count > 1 and self.distinct == 1:
            raise DataError(
                f"All {self.count:,} examples of {name} to calibrate on are equal.",
                expected="some hundred different inputs like those the model will see",
                received="one input, again and again",
            )
        for input_name, constant in self.constant.items():
            if constant == self.count:
                raise DataError(
                    f"The examples of {name} to calibrate on are constant.",
                    expected="real inputs",
                    received=f"one value throughout in each of {counted(self.count, 'example')} of input {input_name}",
                    next_step="check how the data was saved",
                )

    def warnings(self, labels: tuple[str, ...], class_count: int | None) -> list[str]:
        """Sentences about probable mistakes.

        Args:
            labels: Class names; empty if unknown.
            class_count: Number of classes of the model, or None.
        """
        found = []
        if self.count < _FEW:
            found.append(f"Only {counted(self.count, 'example')} to calibrate on: some hundred give ranges that hold.")
        if 2 * self.distinct < self.count:
            found.append(f"Only {self.distinct} of the {self.count} examples to calibrate on differ from each other.")
        for name, constant in self.constant.items():
            if constant > max(1, self.count // 20):
                found.append(
                    f"{constant} of {counted(self.count, 'example')} are one value throughout, in input {name}."
                )
        for name, factor in self.wide_inputs.items():
            found.append(
                f"The columns of input {name} differ in range by up to {factor:,.0f} times, and one int8 scale cannot "
                "tell the values of the narrow ones apart: the operators that read them stay in float."
            )
        return found + self._class_warnings(labels, class_count)

    def _class_warnings(self, labels: tuple[str, ...], class_count: int | None) -> list[str]:
        if len(self.classes) == 1 and self.count > 1:
            (only,) = self.classes
            return [
                f"All {self.count:,} examples to calibrate on are of one class, {_named(only, labels)}: "
                "the ranges of the others are not measured."
            ]
        expected = range(class_count or 0)
        missing = [number for number in expected if number not in self.classes]
        # With few examples per class, some classes are missing by chance.
        if not self.classes or not missing or self.count < 4 * len(expected):
            return []
        names = ", ".join(_named(number, labels) for number in missing[:_LISTED])
        return [f"No example to calibrate on is of class {names}{', …' if len(missing) > _LISTED else ''}."]


def _named(number: int, labels: tuple[str, ...]) -> str:
    return labels[number] if number < len(labels) else str(number)
