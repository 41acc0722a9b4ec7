"""Finds changes to the gate's own inputs: limits, models, data and baseline, compared with another commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit.datasets.kinds import FUNCTION
from edgekit.regression.baseline.git import Reference
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.configuration.sections import LoadedConfiguration
from edgekit.regression.predictions import packed_by_output
from edgekit.regression.results import ModelCheck
from edgekit.regression.rules.registry import all_thresholds
from edgekit.regression.rules.thresholds import MAX_OUTPUT_CHANGE, MIN_AGREEMENT, Limits, Threshold
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_runtime.errors import UsageError

#: Settings that say how a candidate is built. They may change, because the result is judged.
_BUILDING = frozenset({"quantize", "io", "calibration", "samples", "input_shape", "signature"})
#: Settings that have their own comparison below.
_COMPARED = frozenset({"thresholds", "targets", "data", "models"})
#: Findings that make a comparison with the reference's baseline meaningless.
OTHER_DATA = frozenset(f"configuration {name}" for name in ("seed", "data", "examples", "label_column"))


def refuse_functions(configuration: LoadedConfiguration) -> None:
    """Refuse data that comes from code, which the judged change could have edited.

    Raises:
        UsageError: A dataset of the configuration is a Python function.
    """
    settings = configuration.settings
    named = [settings.data, *(data for model in settings.models.values() for data in (model.data, model.calibration))]
    functions = [data for data in named if data is not None and data.startswith(FUNCTION.prefix)]
    if functions:
        raise UsageError(
            "With --baseline-ref the data cannot come from a Python function: the judged change may have edited it.",
            expected="a built-in dataset or the path of a file",
            received=functions[0],
            next_step="store the examples as an .npz, or pass --allow-python-data if the module is reviewed",
        )


def records_to_judge_by(
    reference: Reference, records: Mapping[str, ModelRecord], *, allow_loosening: bool
) -> dict[str, ModelRecord]:
    """The reference's records, plus the working tree's for models that the reference does not have.

    Args:
        reference: Configuration and baseline of the other commit.
        records: Baseline in the working tree.
        allow_loosening: Whether a model with other data than the reference's is judged by its new record.
    """
    chosen = dict(records) | reference.records
    if allow_loosening:
        for name in reference.records.keys() & records.keys():
            if records[name].data_sha256 != reference.records[name].data_sha256:
                chosen[name] = records[name]
    return chosen


def find_changes(
    reference: Reference,
    configuration: LoadedConfiguration,
    records: Mapping[str, ModelRecord],
    *,
    allow_loosening: bool,
) -> dict[str, tuple[RuleResult, ...]]:
    """Every way in which a change makes its own check more lenient, by model.

    Args:
        reference: Configuration and baseline of the other commit.
        configuration: Configuration in the working tree.
        records: Baseline in the working tree.
        allow_loosening: Warn about findings instead of failing.
    """
    verdict = Verdict.WARNING if allow_loosening else Verdict.FAILED
    changes = {}
    for name in reference.configuration.settings.models.keys() | reference.records.keys():
        found = _changes_of(name, reference, configuration, records)
        changes[name] = tuple(
            RuleResult(rule, verdict, f"as in {reference.name}: {allowed}", measured, _why(allow_loosening))
            for rule, allowed, measured in found
        )
    return changes


def removed_models(
    configuration: LoadedConfiguration,
    records: Mapping[str, ModelRecord],
    changes: Mapping[str, tuple[RuleResult, ...]],
) -> list[ModelCheck]:
    """Models in the baseline that the configuration no longer names, so that nothing judges them.

    Args:
        configuration: Configuration in the working tree.
        records: Baseline to judge by.
        changes: Result of ``find_changes``; empty without a reference.
    """
    why = "the model is no longer checked; if that is intended, edgekit check --update-baseline drops its record"
    missing = RuleResult("configuration models", Verdict.FAILED, "every model of the baseline", "removed", why)
    return [
        ModelCheck(name, configuration.resolve(record.file), None, record, None, changes.get(name) or (missing,))
        for name, record in records.items()
        if name not in configuration.settings.models
    ]


def _why(allow_loosening: bool) -> str:
    if allow_loosening:
        return "the change makes its own check more lenient; allowed by --allow-loosening"
    return "the change makes its own check more lenient; after a review, pass --allow-loosening"


#: Rule name, the reference's value, and the working tree's value.
_Change = tuple[str, str, str]


def _changes_of(
    name: str, reference: Reference, configuration: LoadedConfiguration, records: Mapping[str, ModelRecord]
) -> list[_Change]:
    if name not in configuration.settings.models:
        return [("configuration models", name, "removed from the configuration")]
    changes = _changed_baseline(name, reference.records, records)
    if name in reference.configuration.settings.models:
        before = reference.records.get(name)
        labelled = before is not None and any(
            each.get("labelled") is True for each in packed_by_output(before.answers).values()
        )
        changes += _changed_settings(name, reference.configuration, configuration)
        limits = [each.settings.limits_of(name) for each in (reference.configuration, configuration)]
        changes += _loosened_limits(limits[0], limits[1], labelled)
    return changes


def _changed_settings(name: str, before: LoadedConfiguration, now: LoadedConfiguration) -> list[_Change]:
    old, new = before.settings, now.settings
    values = {"data": (old.models[name].data or old.data, new.models[name].data or new.data)}
    # Covers settings that are added to these classes later.
    for was, becomes in ((old, new), (old.models[name], new.models[name])):
        fields = type(was).model_fields.keys() - _BUILDING - _COMPARED
        values |= {field: (getattr(was, field), getattr(becomes, field)) for field in sorted(fields)}
    changes = [
        (f"configuration {field}", str(old_value), str(new_value))
        for field, (old_value, new_value) in values.items()
        if old_value != new_value
    ]
    targets = [
        settings.targets if settings.models[name].targets is None else settings.models[name].targets
        for settings in (old, new)
    ]
    gone = sorted(set(targets[0] or ()) - set(targets[1] or ()))
    return changes + ([("configuration targets", ", ".join(gone), "removed")] if gone else [])


def _loosened_limits(before: Limits, now: Limits, labelled: bool) -> list[_Change]:
    changes = []
    for threshold in all_thresholds():
        was, becomes = (_limit(limits, threshold, labelled) for limits in (before, now))
        if threshold.looseness(becomes) > threshold.looseness(was):
            changes.append((f"configuration {threshold.name}", str(was), str(becomes)))
    return changes


def _limit(limits: Limits, threshold: Threshold[Any], labelled: bool) -> Any:
    """The effective limit: without ground truth, an unset agreement follows from ``max_output_change``."""
    value = limits[threshold]
    if threshold is MIN_AGREEMENT and value is None:
        return 0.0 if labelled else max(0.0, 1 - limits[MAX_OUTPUT_CHANGE])
    return value


def _changed_baseline(name: str, before: Mapping[str, ModelRecord], now: Mapping[str, ModelRecord]) -> list[_Change]:
    if name not in before or before[name] == now.get(name):
        return []
    if name not in now:
        return [("baseline", _summary(before[name]), "removed from the baseline")]
    return [("baseline", _summary(before[name]), _summary(now[name]))]


def _summary(record: ModelRecord) -> str:
    top1 = "" if record.top1 is None else f"{100 * record.top1:.2f} %, "
    return f"{Path(record.file).name} {record.sha256[:12]}, {top1}{record.size_bytes:,} bytes"
