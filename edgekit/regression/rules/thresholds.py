"""The thresholds of the gate's rules: one record each with name, values, default, direction and help text.

The help of ``edgekit check`` is generated from these records, so this module imports neither numpy nor pydantic.
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
        PROBABILITY: Between 0 and 1, both excluded.
        GROWTH: A relative growth or change of at least 0.
        GROWTH_OR_FALSE: As GROWTH, or false, which disables the rule.
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
    """A limit that a configuration can set, for all models or for one model.

    Attributes:
        name: Key in ``[thresholds]``.
        kind: Accepted values.
        default: Value if the configuration does not set it.
        larger_is_looser: Whether a larger value lets more candidates pass, so that ``--baseline-ref`` reports it.
        help: Text for the help of ``edgekit check``.
        example: Value shown in the help; None shows the default.
    """

    name: str
    kind: Kind
    default: T
    larger_is_looser: bool
    help: str
    example: T | None = None

    def looseness(self, value: Any) -> float:
        """A number that is larger if the value permits more."""
        if self.kind is Kind.GROWTH_OR_FALSE and value is False:
            return math.inf
        return float(value) if self.larger_is_looser else -float(value)


@dataclass(frozen=True, slots=True)
class Limits:
    """The threshold values of one model.

    Attributes:
        values: Checked values by threshold name; a missing threshold has its default.
    """

    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, threshold: Threshold[T]) -> T:
        value: T = self.values.get(threshold.name, threshold.default)
        return value

    def replaced(self, threshold: Threshold[T], value: T) -> Limits:
        """A copy with one limit replaced."""
        return Limits({**self.values, threshold.name: value})


MAX_DROP = Threshold("max_drop", Kind.FRACTION, 0.005, True, "drop of top-1, unless it may be chance")
SIGNIFICANCE = Threshold("significance", Kind.PROBABILITY, 0.01, False, "level of McNemar's one-sided test")
STRICT = Threshold("strict", Kind.SWITCH, False, False, "true: also fail a drop that may be chance")
MAX_ERROR_GROWTH = Threshold("max_error_growth", Kind.GROWTH, 0.02, True, "growth of the error of a regression model")
# The root mean square change relative to the baseline's outputs.
MAX_OUTPUT_CHANGE = Threshold("max_output_change", Kind.GROWTH, 0.05, True, "change of outputs without ground truth")
# Without ground truth it is 1 - max_output_change unless it is set.
MIN_AGREEMENT: Threshold[float | None] = Threshold(
    "min_agreement", Kind.OPTIONAL_FRACTION, None, False, "equal predictions, at least; unset by default", 0.98
)
MAX_SIZE_GROWTH = Threshold("max_size_growth", Kind.GROWTH, 0.1, True, "growth of the file size")
MAX_SLOWDOWN: Threshold[float | Literal[False]] = Threshold(
    "max_slowdown", Kind.GROWTH_OR_FALSE, 0.25, True, "relative to a reference model; or false"
)
NEW_OPERATORS = Threshold("new_operators", Kind.SWITCH, False, True, "true: allow operators that the baseline lacks")
