"""Rules about reproducible conversion, targets and golden examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgekit.counting import counted
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.verdicts import RuleResult, Verdict
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.model import Model
from edgekit_runtime.tflite.tflite_model import TfliteModel


def judge_determinism(baseline: ModelRecord, candidate: ModelRecord, convert_again: Callable[[], str]) -> RuleResult:
    """Fail if one source, converted twice in the same way, gives different bytes.

    Args:
        baseline: Record of the baseline; counts as the first conversion if it was made in the same way.
        candidate: Record of the candidate.
        convert_again: Converts once more and returns the SHA-256; called if the baseline was made in another way.
    """
    allowed, measured = "the same bytes from the same source", f"sha256 {candidate.sha256[:12]}"
    if not candidate.made_with:
        return RuleResult("determinism", Verdict.SKIPPED, allowed, measured, "the file is used as is")
    same_way = candidate.made_with == baseline.made_with and candidate.provenance == baseline.provenance
    other = baseline.sha256 if same_way else convert_again()
    against = "the baseline's conversion" if same_way else "a second conversion"
    if other == candidate.sha256:
        return RuleResult("determinism", Verdict.PASSED, allowed, measured, f"byte-identical to {against}")
    why = f"{against} of the same source with the same versions gave {other[:12]}"
    return RuleResult("determinism", Verdict.FAILED, allowed, measured, why)


def judge_targets(path: Path, targets: Sequence[str]) -> tuple[RuleResult, ...]:
    """Fail for each target that cannot run the model."""
    from edgekit_converters.targets.check import check_targets

    results = []
    for found in check_targets(TfliteModel(path.read_bytes()), targets) if targets else ():
        problems = [f"{finding.operator} {finding.problem}" for finding in found.findings]
        why = "every operator and version is available"
        if problems:
            why = problems[0] + (f"; {len(problems) - 1} more: edgekit inspect --target" if len(problems) > 1 else "")
        results.append(
            RuleResult(
                f"target {found.target}",
                Verdict.PASSED if found.runs else Verdict.FAILED,
                f"runs on {found.target}",
                "runs" if found.runs else f"{counted(len(problems), 'operator')} cannot run",
                why,
            )
        )
    return tuple(results)


def judge_golden(model: Model) -> tuple[RuleResult, ...]:
    """Fail if golden examples do not give the packed predictions; no result if none are packed."""
    try:
        report = model.verify()
    except ModelFileError:
        return ()
    worst, tolerance = max(report.max_error, default=0.0), max(report.tolerance, default=0.0)
    return (
        RuleResult(
            "golden",
            Verdict.PASSED if report.passed else Verdict.FAILED,
            f"the packed predictions within {tolerance:.3g}",
            f"errors up to {worst:.3g}",
            f"{counted(report.examples, 'golden example')} run on {report.interpreter}",
        ),
    )
