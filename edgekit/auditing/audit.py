"""``edgekit audit`` as a function: runs all checks on one file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.auditing.check import CheckResult, Severity
from edgekit.auditing.context import AuditContext, AuditRequest
from edgekit.auditing.registry import run_checks
from edgekit.datasets.opening import require_source
from edgekit_converters.targets.target import find_target
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.model_file import read_model_file


@dataclass(frozen=True, slots=True)
class Audit:
    """Results of all checks.

    Attributes:
        path: Path of the file.
        sha256: SHA-256 of the file, in hex.
        size_bytes: File size in bytes.
        results: One result per check, in the order of the registry.
    """

    path: Path
    sha256: str
    size_bytes: int
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check found a problem."""
        return not any(result.status == Severity.PROBLEM.value for result in self.results)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "passed": self.passed,
            "checks": [result.to_dict() for result in self.results],
        }


def audit(path: Path, request: AuditRequest) -> Audit:
    """Look for problems in a .tflite made by any tool.

    Native code reads the file only after the structure check, and at first in a separate process.

    Args:
        path: Path of the file.
        request: Options of the audit.
    Raises:
        ModelFileError: The file is missing or is not a .tflite. Damage is reported as a finding instead.
        EdgekitError: The data, the reference model or a target is missing or incompatible.
    """
    content = read_model_file(path)
    for name in request.targets:
        find_target(name)
    if request.data is not None:
        require_source(request.data, request.label_column)
    if request.against is not None and not request.against.exists():
        raise ModelFileError(
            f"{request.against} does not exist.",
            expected="the model that the .tflite was made from",
            next_step="check the path",
        )
    context = AuditContext(path, content, request)
    return Audit(path, hashlib.sha256(content).hexdigest(), len(content), run_checks(context))
