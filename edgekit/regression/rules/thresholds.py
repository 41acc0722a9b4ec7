"""The thresholds of the gate's rules: name, values, default, direction and help text of each in one record.

The help of ``edgekit check`` is made from these records, so this module imports neither numpy nor pydantic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")


class Kind(str, Enum):
    """The values that a threshold accepts.

    Attributes:
        FRACTION: From 0 to 1.
        OPTIONAL_FRACTION: From 0 to 1, or unset.
        PROBABILITY: Between 0 and 1, neither of them included.
        GROWTH: A relative growth or change of at least 0.
        GROWTH_OR_FALSE: The same, or false, which turns the rule off.
        SWITCH: true or false.
    """

    FRACTION = "fraction"
    OPTIONAL_FRACTION = "optional fraction"
    PROBABILITY = "probability"
    GROWTH = "growth"
    GROWTH_OR_FALSE = "growth or false"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Threshold(Generic[T]):
    """A limit that a configuration can set, for all models or for one.

    Attributes:
        name: Its key in ``[thresholds]``.
        kind: The values that it accepts.
        default: Its value in a configuration that does not set it.
        larger_is_looser: Whether a larger value lets more candidates pass, so that ``--baseline-ref`` reports it.
        help: What it limits, for the help of ``edgekit check``.
        example: The value that the help shows; None shows the default.
    """

    name: str
    kind: Kind
    default: T
    larger_is_looser: bool
    help: str
    example: T | None = None

    def looseness(self, value: Any) -> float:
        """How much a value permits; a larger number permits more."""
        if self.kind is Kind.GROWTH_OR_FALSE and value is False:
            return math.inf
        return float(value) if self.larger_is_looser else -float(value)


@dataclass(frozen=True, slots=True)
class Limits:
    """The values of a model's thresholds.

    Attributes:
        values: By name of the threshold, already checked; a threshold that is missing has its default.
    """

    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, threshold: Threshold[T]) -> T:
        value: T = self.values.get(threshold.name, threshold.default)
        return value

    def replaced(self, threshold: Threshold[T], value: T) -> Limits:
        """The same limits but for one."""
        return Limits({**self.values, threshold.name: value})


MAX_DROP = Threshold("max_drop", Kind.FRACTION, 0.005, True, "of top-1, unless it may be chance")
SIGNIFICANCE = Threshold("significance", Kind.PROBABILITY, 0.01, False, "of McNemar's one-sided test")
STRICT = Threshold("strict", Kind.SWITCH, False, False, "true: also fail a drop that may be chance")
MAX_ERROR_GROWTH = Threshold("max_error_growth", Kind.GROWTH, 0.02, True, "of the error, if the targets are numbers")
# A root mean square change, relative to the baseline's outputs.
MAX_OUTPUT_CHANGE = Threshold(
    "max_output_change", Kind.GROWTH, 0.05, True, "if the data has neither labels nor targets"
)
MIN_AGREEMENT: Threshold[float | None] = Threshold(
    "min_agreement", Kind.OPTIONAL_FRACTION, None, False, "if set; without labels 1 - max_output_change", 0.98
)
MAX_SIZE_GROWTH = Threshold("max_size_growth", Kind.GROWTH, 0.1, True, "of the file")
MAX_SLOWDOWN: Threshold[float | Literal[False]] = Threshold(
    "max_slowdown", Kind.GROWTH_OR_FALSE, 0.25, True, "against a reference timed in turn; or false"
)
NEW_OPERATORS = Threshold("new_operators", Kind.SWITCH, False, True, "true: allow those that the baseline lacks")
