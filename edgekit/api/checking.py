"""``edgekit.check`` and ``edgekit.update_baseline``: compare models with the committed baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.api.arguments import PathLike, as_flag, as_optional_path, as_optional_text, as_texts
from edgekit.api.devices import device_timer
from edgekit_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgekit.regression.baseline.stored import ModelRecord
    from edgekit.regression.configuration.sections import LoadedConfiguration
    from edgekit.regression.results import BaselineUpdate, CheckResult
    from edgekit.regression.verdicts import RuleResult


def check(
    config: PathLike | None = None,
    *,
    models: Sequence[str] = (),
    strict: bool = False,
    digests_only: bool = False,
    allow_empty: bool = False,
    baseline_ref: str | None = None,
    allow_loosening: bool = False,
    allow_python_data: bool = False,
    layers: bool = False,
    device: str | None = None,
) -> CheckResult:
    """Compare the models of a configuration with the committed baseline, as ``edgekit check`` does in CI.

    Args:
        config: The configuration, as text or ``Path``: edgekit.toml, or a pyproject.toml with ``[tool.edgekit]``.
            Default: None, the one in the current folder or above it.
        models: Names of the models to judge. Default: all.
        strict: Fail a drop larger than allowed even if it may be due to chance. Default: False.
        digests_only: Only compare the .tflite files with the baseline's SHA-256; needs no data. Default: False.
        allow_empty: With ``digests_only``: pass a configuration if the check converts all of its models itself.
            Default: False.
        baseline_ref: Compare with the baseline of this git commit, such as ``"origin/main"``, and fail if limits,
            models or data were loosened since. Default: None, the baseline in the working folder.
        allow_loosening: With ``baseline_ref``: only warn about loosened limits. Default: False.
        allow_python_data: With ``baseline_ref``: run ``data = "python:…"`` of the configuration. Default: False.
        layers: Also measure the noise of each layer of models converted from a Keras file. Default: False.
        device: Where latency is measured, such as ``"ssh:pi@raspberrypi"``; as for the baseline. Default: None, here.

    Returns:
        A ``CheckResult``: ``passed``, ``models`` (each with ``rules``, ``failed_rules``, ``measurement``),
        ``to_dict()``, and ``require_passed()``, which raises ``BelowThresholdError``.

    Raises:
        EdgekitError: The configuration, a model, the baseline or the data is missing or invalid, or arguments
            contradict each other. A model that is worse than allowed does not raise an error.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> result = edgekit.check("edgekit.toml")
        >>> result.passed, [model.failed_rules for model in result.models]
        (True, [()])
    """
    from edgekit.regression.gate import check as check_models

    names = as_texts(models, "models")
    ref = as_optional_text(baseline_ref, "baseline_ref")
    loosening = as_flag(allow_loosening, "allow_loosening")
    python_data = as_flag(allow_python_data, "allow_python_data")
    is_strict, compares_digests = as_flag(strict, "strict"), as_flag(digests_only, "digests_only")
    with_layers = as_flag(layers, "layers")
    if compares_digests and (names or is_strict):
        raise UsageError(
            "--digests-only compares every file and goes with neither --model nor --strict.",
            next_step="leave the other options out",
        )
    if ref is not None and compares_digests:
        raise UsageError("--baseline-ref does not go with --digests-only.", next_step="leave one of them out")
    if ref is None and (loosening or python_data):
        raise UsageError(
            "--allow-loosening and --allow-python-data need --baseline-ref.",
            next_step="add --baseline-ref origin/main, or leave them out",
        )
    configuration = _configuration(config)
    if compares_digests:
        from edgekit.regression.baseline.committed_files import check_committed_files
        from edgekit.regression.baseline.stored import read_baseline

        records = read_baseline(_baseline(configuration))
        return check_committed_files(configuration, records, allow_empty=as_flag(allow_empty, "allow_empty"))
    records, changes = _judged_by(configuration, ref, loosening, python_data)
    return check_models(
        configuration,
        records,
        names=names,
        strict=is_strict,
        layers=with_layers,
        changes=changes,
        timer=device_timer(device),
    )


def update_baseline(
    config: PathLike | None = None, *, models: Sequence[str] = (), device: str | None = None
) -> BaselineUpdate:
    """Measure the models of a configuration and write the results to its baseline, which you then commit.

    Args:
        config: The configuration, as text or ``Path``: edgekit.toml, or a pyproject.toml with ``[tool.edgekit]``.
            Default: None, the one in the current folder or above it.
        models: Names of the models to measure; the records of all others are kept. Default: all.
        device: Where latency is measured, such as ``"ssh:pi@raspberrypi"``. Default: None, here.

    Returns:
        A ``BaselineUpdate``: ``path`` (the baseline), ``before`` and ``models`` (records by name), ``checked`` (a
        ``CheckResult`` of what was written, for reports), ``to_dict()``.

    Raises:
        EdgekitError: The configuration, a model, the baseline or the data is missing or invalid.
        TypeError: An argument has the wrong type; the error is also an ``EdgekitError``.

    Example:
        >>> import edgekit
        >>> edgekit.update_baseline("edgekit.toml").path.name
        'edgekit-baseline.json'
    """
    from edgekit.regression.baseline.stored import read_baseline
    from edgekit.regression.baseline.stored import update_baseline as write
    from edgekit.regression.gate import measure_models, written_models
    from edgekit.regression.results import BaselineUpdate

    names = as_texts(models, "models")
    configuration = _configuration(config)
    path = _baseline(configuration)
    if path.exists():
        # An unreadable baseline is reported before the models are measured.
        read_baseline(path)
    measured = measure_models(configuration, names=names, timer=device_timer(device))
    records = {name: measurement.record for name, measurement in measured.items()}
    before = write(path, records, configuration.settings.models)
    return BaselineUpdate(path, before, records, written_models(configuration, measured, before))


def _configuration(config: PathLike | None) -> LoadedConfiguration:
    from edgekit.regression.configuration.files import find_configuration
    from edgekit.regression.configuration.sections import load_configuration

    return load_configuration(as_optional_path(config, "config") or find_configuration(Path.cwd()))


def _baseline(configuration: LoadedConfiguration) -> Path:
    return configuration.resolve(configuration.settings.baseline)


def _judged_by(
    configuration: LoadedConfiguration, ref: str | None, allow_loosening: bool, allow_python_data: bool
) -> tuple[dict[str, ModelRecord], dict[str, tuple[RuleResult, ...]]]:
    """The records to compare with, and the changes of the configuration and the baseline since ``ref``."""
    from edgekit.regression.baseline.git import read_reference
    from edgekit.regression.baseline.stored import read_baseline
    from edgekit.regression.configuration.changes import find_changes, records_to_judge_by, refuse_functions

    if ref is None:
        return read_baseline(_baseline(configuration)), {}
    if not allow_python_data:
        refuse_functions(configuration)
    reference, records = read_reference(configuration.path, ref), read_baseline(_baseline(configuration))
    changes = find_changes(reference, configuration, records, allow_loosening=allow_loosening)
    return records_to_judge_by(reference, records, allow_loosening=allow_loosening), changes
