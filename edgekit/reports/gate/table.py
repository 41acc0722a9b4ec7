"""Prints the result of ``edgekit check`` on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgekit.counting import counted, percent
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.box_predictions import METRIC, BoxPredictions
from edgekit.regression.predictions import PredictionScores, unpack_predictions
from edgekit.regression.results import CheckResult
from edgekit.regression.verdicts import Verdict
from edgekit.reports.terminal.tables import kilobytes, metric_words, print_table, print_verdict
from edgekit_runtime.errors import EdgekitError

_URGENCY = (Verdict.FAILED, Verdict.WARNING, Verdict.PASSED, Verdict.SKIPPED)


def print_check(result: CheckResult) -> None:
    """Print one table per model, and one sentence for the whole result."""
    for model in result.models:
        urgent_first = sorted(model.rules, key=lambda rule: _URGENCY.index(rule.verdict))
        rows = [(rule.rule, rule.verdict.value, rule.allowed, rule.measured, rule.why) for rule in urgent_first]
        title = f"{model.name}: {model.path.name}, {counted(model.baseline.samples, 'sample')} of {model.baseline.data}"
        print_table(title, ("rule", "verdict", "allowed", "measured", "why"), rows)
    print_verdict(verdict_sentence(result), passed=result.passed)


def verdict_sentence(result: CheckResult) -> str:
    """A sentence that names the failed models and rules, or says that all models passed."""
    failed = [f"{model.name} {model.summary.removeprefix('failed ')}" for model in result.models if not model.passed]
    if failed:
        return f"Failed: {'; '.join(failed)}."
    skipped = [model.name for model in result.models if all(rule.verdict is Verdict.SKIPPED for rule in model.rules)]
    passed = len(result.models) - len(skipped)
    verdict = f"Passed: {counted(passed, 'model')}, no worse than the baseline allows."
    if not skipped:
        return verdict
    return f"{verdict if passed else 'Nothing was compared.'} Not compared: {', '.join(skipped)}."


def print_baseline_changes(path: Path, before: Mapping[str, ModelRecord], measured: Mapping[str, ModelRecord]) -> None:
    """Print the figures of each measured model, in the old baseline and now."""
    for name, record in measured.items():
        old, new = _figures(before.get(name)), _figures(record)
        rows = [
            (figure, old.get(figure, "–"), value, "" if old.get(figure, value) == value else "changed")
            for figure, value in new.items()
        ]
        print_table(f"{name} in {path}", ("figure", "before", "now", ""), rows)
    print(f"Wrote {path}; look at the changes and commit it.")


def _figures(record: ModelRecord | None) -> dict[str, str]:
    if record is None:
        return {}
    latency = record.latency
    return {
        **_own_metric(record),
        "size": kilobytes(record.size_bytes),
        "operators": ", ".join(f"{name} {version}" for name, version in record.operators),
        "latency": "not measured" if latency is None else f"{latency.ratio:.3f} × {latency.reference}",
        "labels": ", ".join(record.labels[:8]) + (" …" if len(record.labels) > 8 else "") or "none",
        "data": f"{record.data}, {counted(record.samples, 'sample')}, {record.data_sha256[:12]}",
        "weights": record.content.whole[:12],
        "file": f"{record.file}, {record.sha256[:12]}",
    }


def _own_metric(record: ModelRecord) -> dict[str, str]:
    """The metric that the model is judged by; empty without ground truth, since only agreement is judged then."""
    if record.top1 is not None:
        return {"top-1": percent(record.top1)}
    if record.mean_absolute_error is not None:
        return {"mean absolute error": f"{record.mean_absolute_error:.4g}"}
    if record.answers.get("kind") not in ("scores", "boxes"):
        return {}
    try:
        predictions = unpack_predictions(record.answers, None, record.samples, "the baseline")
    except EdgekitError:
        # A damaged old baseline is not an error here, because the update replaces it.
        return {}
    if isinstance(predictions, BoxPredictions):
        return {metric_words(METRIC): percent(predictions.score)}
    return (
        {metric_words(predictions.metric): percent(predictions.mean)}
        if isinstance(predictions, PredictionScores)
        else {}
    )
