"""What a rule says of a candidate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Verdict(str, Enum):
    """How a rule was decided.

    Attributes:
        PASSED: Within its limit.
        WARNING: Worth a look, and no evidence enough to stop anybody.
        FAILED: The candidate is worse than allowed.
        SKIPPED: Not asked for, or cannot be decided here.
    """

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule, decided.

    Attributes:
        rule: Its name.
        verdict: The decision.
        allowed: The limit, in words.
        measured: What was found, in words.
        why: One sentence that says what the decision rests on.
        detectable_drop: The smallest true drop, a fraction, that the rule would fail in 95 % of the cases; None if it
            does not judge a drop.
    """

    rule: str
    verdict: Verdict
    allowed: str
    measured: str
    why: str
    detectable_drop: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        fields = asdict(self) | {"verdict": self.verdict.value}
        return {name: value for name, value in fields.items() if value is not None}
