"""The results of ``edgekit check``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit.counting import counted, percent
from edgekit.parity.layers.noise import LayerNoise
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.measurement import Measurement
from edgekit.regression.predictions import Predictions
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_converters.result_display import ResultDisplay, Summary
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
    measurement: Measurement | None = field(repr=False)
    baseline: ModelRecord = field(repr=False)
    baseline_predictions: Predictions | None = field(repr=False)
    rules: tuple[RuleResult, ...]
    layers: tuple[LayerNoise, ...] = field(default=(), repr=False)

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


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult(ResultDisplay):
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

    def require_passed(self) -> None:
        """Raise an error if a rule failed.

        Raises:
            BelowThresholdError: Of the first model that failed.
        """
        for model in self.models:
            model.require_passed()

    def summary(self) -> Summary:
        """The verdict on each model, and each rule that failed or warns."""
        facts = []
        for model in self.models:
            facts.append((model.name, model.summary))
            facts += [
                (
                    f"{model.name}: {rule.rule}",
                    f"{rule.verdict.value}: {rule.measured}, allowed: {rule.allowed}; {rule.why}",
                )
                for rule in model.rules
                if rule.verdict in (Verdict.FAILED, Verdict.WARNING)
            ]
        return Summary(
            f"Check of {counted(len(self.models), 'model')}: {'passed' if self.passed else 'failed'}", tuple(facts)
        )


@dataclass(frozen=True, slots=True, repr=False)
class BaselineUpdate(ResultDisplay):
    """A baseline that was written.

    Attributes:
        path: The baseline file.
        before: Previous records by model name.
        models: New records by model name.
        checked: The written models beside their previous records, for reports; no rule judges them.
    """

    path: Path
    before: Mapping[str, ModelRecord]
    models: Mapping[str, ModelRecord]
    checked: CheckResult

    def to_dict(self) -> dict[str, Any]:
        """The path and the new records as plain values."""
        return {"baseline": str(self.path), "models": {name: each.to_dict() for name, each in self.models.items()}}

    def summary(self) -> Summary:
        """What is known of each model now, and whether its file is another one than before."""
        facts = []
        for name, record in self.models.items():
            before = self.before.get(name)
            change = "new" if before is None else "same file" if before.sha256 == record.sha256 else "other file"
            top1 = "" if record.top1 is None else f", top-1 {percent(record.top1)}"
            facts.append((name, f"{change}: {record.size_bytes:,} bytes{top1}, {counted(record.samples, 'sample')}"))
        return Summary(f"Baseline {self.path}", tuple(facts))


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
