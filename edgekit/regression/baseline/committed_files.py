"""Compares the .tflite files next to a baseline with the digests in it; no model is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from edgekit.regression.baseline.figures import known_record
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.configuration.changes import removed_models
from edgekit.regression.configuration.sections import LoadedConfiguration
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.model_file import read_model_file


def check_committed_files(
    configuration: LoadedConfiguration, records: Mapping[str, ModelRecord], *, allow_empty: bool = False
) -> CheckResult:
    """Compare the digest of every file with the baseline's; models that the check converts itself are skipped.

    Raises:
        ModelFileError: A file is missing or is not a .tflite.
        EdgekitError: The baseline lacks a model or contradicts itself.
        UsageError: There is no file to compare, and ``allow_empty`` is not set.
    """
    judged = removed_models(configuration, records, {})
    for name in configuration.settings.models:
        record = known_record(records, name)
        rule = _judge_digest(configuration, name, record)
        judged.append(ModelCheck(name, configuration.path_of(name), None, record, None, (rule,)))
    if not allow_empty and all(rule.verdict is Verdict.SKIPPED for model in judged for rule in model.rules):
        raise UsageError(
            "There is nothing to compare: the check converts every model itself.",
            expected="a model with the key file and without source",
            next_step="compare the predictions instead with edgekit check, or pass --allow-empty",
        )
    return CheckResult(tuple(judged))


def _judge_digest(configuration: LoadedConfiguration, name: str, record: ModelRecord) -> RuleResult:
    model, allowed = configuration.settings.models[name], f"sha256 {record.sha256[:12]}"
    if model.file is None or model.source is not None:
        if record.made_with:
            return RuleResult(
                "digest", Verdict.SKIPPED, allowed, "converted by the check", "there is no file to compare"
            )
        why = "the baseline describes a file that was not converted by the check: edgekit check --update-baseline"
        return RuleResult("digest", Verdict.FAILED, allowed, "a source to convert", why)
    sha256 = hashlib.sha256(read_model_file(configuration.resolve(model.file))).hexdigest()
    same = sha256 == record.sha256
    return RuleResult(
        "digest",
        Verdict.PASSED if same else Verdict.FAILED,
        allowed,
        f"sha256 {sha256[:12]}",
        "the file is the one in the baseline"
        if same
        else "the baseline describes another file: edgekit check --update-baseline, and commit both",
    )
