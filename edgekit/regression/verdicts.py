"""The verdict of a rule on a candidate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Verdict(str, Enum):
    """The decision of a rule.

    Attributes:
        PASSED: Within the limit.
        WARNING: Worth a look, but without enough evidence to fail.
        FAILED: The candidate is worse than allowed.
        SKIPPED: Not requested, or cannot be decided here.
    """

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The result of one rule.

    Attributes:
        rule: Rule name.
        verdict: The decision.
        allowed: The limit as text.
        measured: The measured value as text.
        why: One sentence with the reason for the decision.
        detectable_drop: The smallest true drop, a fraction, that the rule would fail with 95 % probability; None if the
            rule does not judge a drop.
    """

    rule: str
    verdict: Verdict
    allowed: str
    measured: str
    why: str
    detectable_drop: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields."""
        fields = asdict(self) | {"verdict": self.verdict.value}
        return {name: value for name, value in fields.items() if value is not None}
