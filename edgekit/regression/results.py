"""The result of ``edgekit check``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.parity.layers.noise import LayerNoise
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.measurement import Measurement
from edgekit.regression.predictions import Predictions
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_runtime.errors import BelowThresholdError


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The result of one model.

    Attributes:
        name: Model name in the configuration.
        path: The candidate's file.
        measurement: Measurement of the candidate; None if it cannot be loaded.
        baseline: Record that the candidate was compared with.
        baseline_predictions: Predictions of the baseline for the same examples; None if the candidate cannot be loaded.
        rules: Results of the rules.
        layers: Noise of each layer relative to the source, worst first; empty if not requested.
    """

    name: str
    path: Path
    measurement: Measurement | None
    baseline: ModelRecord
    baseline_predictions: Predictions | None
    rules: tuple[RuleResult, ...]
    layers: tuple[LayerNoise, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no rule failed."""
        return all(rule.verdict is not Verdict.FAILED for rule in self.rules)

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """Names of the rules that failed."""
        return tuple(rule.rule for rule in self.rules if rule.verdict is Verdict.FAILED)

    @property
    def summary(self) -> str:
        """``passed``, or ``failed`` with the names of the rules."""
        return "passed" if self.passed else f"failed ({', '.join(self.failed_rules)})"

    def require_passed(self) -> None:
        """Raise an error if a rule failed.

        Raises:
            BelowThresholdError: With what each failed rule allows, what was measured and why it failed.
        """
        if not self.passed:
            raise BelowThresholdError(
                f"{self.name} is worse than its baseline allows.",
                received="; ".join(
                    f"{rule.rule}: {rule.measured}, allowed: {rule.allowed} ({rule.why})"
                    for rule in self.rules
                    if rule.verdict is Verdict.FAILED
                ),
                next_step="fix the model; or, if the change is intended, write a new baseline with --update-baseline",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the form of ``check.schema.json``."""
        return {
            "name": self.name,
            "file": str(self.path),
            "passed": self.passed,
            "rules": [rule.to_dict() for rule in self.rules],
            "candidate": None if self.measurement is None else _summary(self.measurement.record),
            "baseline": _summary(self.baseline),
        }


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of all models.

    Attributes:
        models: Results in the order of the configuration.
    """

    models: tuple[ModelCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether no rule of any model failed."""
        return all(model.passed for model in self.models)

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the form of ``check.schema.json``."""
        return {"schema_version": 1, "passed": self.passed, "models": [model.to_dict() for model in self.models]}


def _summary(record: ModelRecord) -> dict[str, Any]:
    return {
        "sha256": record.sha256,
        "size_bytes": record.size_bytes,
        "top1": record.top1,
        "mean_absolute_error": record.mean_absolute_error,
        "samples": record.samples,
        "data": record.data,
        "latency_ratio": None if record.latency is None else record.latency.ratio,
        "p50_ms": None if record.latency is None else record.latency.p50_ms,
    }
