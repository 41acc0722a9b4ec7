"""Whether the .tflite files beside a baseline are the very ones that it describes; nothing is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from edgekit.regression.baseline import ModelRecord
from edgekit.regression.configuration import LoadedConfiguration
from edgekit.regression.results import CheckResult, ModelCheck
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_runtime.model_file import read_model_file


def check_committed_files(configuration: LoadedConfiguration, records: Mapping[str, ModelRecord]) -> CheckResult:
    """Compare the digest of every file with the baseline's; models that are converted on the spot have none.

    Raises:
        ModelFileError: A file is missing or is no .tflite.
    """
    judged = []
    for name, model in configuration.settings.models.items():
        record = records.get(name)
        if model.file is None or model.source is not None or record is None:
            continue
        path = configuration.resolve(model.file)
        sha256 = hashlib.sha256(read_model_file(path)).hexdigest()
        same = sha256 == record.sha256
        rule = RuleResult(
            "digest",
            Verdict.PASSED if same else Verdict.FAILED,
            f"sha256 {record.sha256[:12]}",
            f"sha256 {sha256[:12]}",
            "the file is the baseline's"
            if same
            else "the baseline describes another file: edgekit check --update-baseline, and commit both",
        )
        judged.append(ModelCheck(name, path, None, record, None, (rule,)))
    return CheckResult(tuple(judged))
