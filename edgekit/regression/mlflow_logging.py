"""Logs a check as runs of an MLflow experiment; needs ``pip install 'edgekit[mlflow]'``."""

from __future__ import annotations

from edgekit.regression.results import CheckResult, ModelCheck
from edgekit_runtime.errors import EdgekitError, UsageError


def log_to_mlflow(result: CheckResult, experiment: str, *, commit: str) -> None:
    """Log one run per model to the server or store that ``MLFLOW_TRACKING_URI`` names.

    Args:
        result: Result of the check.
        experiment: Experiment name; the experiment is created if it does not exist.
        commit: The commit that is checked out; empty if unknown.
    Raises:
        UsageError: MLflow is not installed.
        EdgekitError: The MLflow server or store rejects the runs.
    """
    try:
        import mlflow
    except ImportError:
        raise UsageError(
            "MLflow is not installed.", next_step="pip install 'edgekit[mlflow]', or omit --mlflow"
        ) from None
    try:
        mlflow.set_experiment(experiment)
        for check in result.models:
            with mlflow.start_run(run_name=check.name):
                mlflow.log_metrics(_metrics(check))
                mlflow.set_tags(_tags(check, commit))
                mlflow.log_dict(check.to_dict(), "check.json")
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise EdgekitError(
            "The result could not be logged to MLflow.",
            received=str(error).splitlines()[0],
            next_step="check MLFLOW_TRACKING_URI",
        ) from error


def _metrics(check: ModelCheck) -> dict[str, float]:
    metrics = {"passed": float(check.passed), "failed_rules": float(len(check.failed_rules))}
    if check.measurement is None:
        return metrics
    record = check.measurement.record
    latency = record.latency
    known = {
        "top1": record.top1,
        "top1_drop": None if record.top1 is None or check.baseline.top1 is None else check.baseline.top1 - record.top1,
        "mean_absolute_error": record.mean_absolute_error,
        "size_bytes": float(record.size_bytes),
        "latency_ratio": None if latency is None else latency.ratio,
        "p50_ms": None if latency is None else latency.p50_ms,
    }
    return metrics | {name: value for name, value in known.items() if value is not None}


def _tags(check: ModelCheck, commit: str) -> dict[str, str]:
    tags = {"edgekit.model": check.name, "edgekit.verdict": check.summary, "edgekit.file": check.path.name}
    if check.measurement is not None:
        tags["edgekit.sha256"] = check.measurement.record.sha256
    # MLflow's standard tag, which its pages show.
    return tags | ({"mlflow.source.git.commit": commit} if commit else {})
