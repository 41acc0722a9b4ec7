"""Rules about the file: bytes, size, labels and operators."""

from __future__ import annotations

from edgekit.regression.baseline.content_digest import ContentDigest, differs_in_part
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.rules.thresholds import MAX_SIZE_GROWTH, NEW_OPERATORS, Limits
from edgekit.regression.verdicts import RuleResult, Verdict


def judge_integrity(baseline: ModelRecord, candidate: ModelRecord) -> RuleResult:
    """Fail if a model is damaged or edited: almost equal to the baseline's, or different despite the same origin.

    A file with a manifest states its origin, and the same origin gives the same weights. In a file without a manifest,
    different weights come from another training, but a difference in only a part of one constant is damage.
    """
    allowed = "equal weights if the origin is equal"
    measured = f"weights {candidate.content.whole[:12]}, baseline {baseline.content.whole[:12]}"
    if candidate.content == baseline.content:
        return RuleResult("integrity", Verdict.PASSED, allowed, measured, "bit-identical to the baseline's model")
    if not candidate.provenance:
        verdict, why = _judge_without_origin(baseline.content, candidate.content)
        return RuleResult("integrity", verdict, allowed, measured, why)
    if candidate.provenance != baseline.provenance or candidate.made_with != baseline.made_with:
        why = "a different model, made from another source or in another way"
        return RuleResult("integrity", Verdict.PASSED, allowed, measured, why)
    why = "the file claims to be the baseline's model, but weights, scales or graph differ: damaged or edited"
    return RuleResult("integrity", Verdict.FAILED, allowed, measured, why)


def _judge_without_origin(baseline: ContentDigest, candidate: ContentDigest) -> tuple[Verdict, str]:
    another = Verdict.PASSED, "a different model; the file does not state its origin"
    if candidate.graph != baseline.graph or len(candidate.constants) != len(baseline.constants):
        return another
    same = [now == before for now, before in zip(candidate.constants, baseline.constants, strict=True)]
    changed, count = same.count(False), len(same)
    # The last digest covers all small constants. Training never changes only a part of one weight tensor.
    if changed == 1 and any(same[:-1]):
        place = same.index(False)
        if place == count - 1 or differs_in_part(candidate.constants[place], baseline.constants[place]):
            why = f"only a part of 1 of {count} constants differs from the baseline's: damaged or edited"
            return Verdict.FAILED, why
    if 2 * changed <= count:
        return Verdict.WARNING, f"only {changed} of {count} constants differ from the baseline's: check why"
    return another


def judge_size(baseline: ModelRecord, candidate: ModelRecord, limits: Limits) -> RuleResult:
    """Fail if the file has grown by more than allowed."""
    growth = candidate.size_bytes / baseline.size_bytes - 1
    return RuleResult(
        "size",
        Verdict.FAILED if growth > limits[MAX_SIZE_GROWTH] else Verdict.PASSED,
        f"growth of at most {100 * limits[MAX_SIZE_GROWTH]:g} %",
        f"{baseline.size_bytes:,} → {candidate.size_bytes:,} bytes ({100 * growth:+.1f} %)",
        "the file has grown" if growth > 0 else "the file has not grown",
    )


def judge_labels(baseline: ModelRecord, candidate: ModelRecord, data_labels: tuple[str, ...]) -> RuleResult:
    """Fail if a label differs from the baseline's, or from the label of the same class in the data."""
    allowed, labels = "the baseline's labels, in its order", candidate.labels
    measured = f"{len(labels)} labels" if labels else "no labels"
    if labels != baseline.labels:
        why = f"class {_first_difference(labels, baseline.labels)} in the baseline"
        return RuleResult("labels", Verdict.FAILED, allowed, measured, why)
    if labels and set(labels) == set(data_labels) and labels != data_labels:
        why = f"class {_first_difference(labels, data_labels)} in the data"
        return RuleResult("labels", Verdict.FAILED, allowed, measured, why)
    return RuleResult("labels", Verdict.PASSED, allowed, measured, "every class has the same label")


def judge_operators(baseline: ModelRecord, candidate: ModelRecord, limits: Limits) -> RuleResult:
    """Fail on operators that the baseline does not have; warn about higher versions of those it has."""
    before, now = dict(baseline.operators), dict(candidate.operators)
    new = [name for name in now if name not in before]
    raised = [f"{name} {before[name]} → {now[name]}" for name in now if now[name] > before.get(name, now[name])]
    measured = f"{len(now)} operators" + (f", new: {', '.join(new)}" if new else "")
    allowed = "any operators" if limits[NEW_OPERATORS] else "the baseline's operators"
    if new and not limits[NEW_OPERATORS]:
        why = "a device that runs the baseline may lack a kernel for the new ones"
        return RuleResult("operators", Verdict.FAILED, allowed, measured, why)
    if raised:
        why = f"higher versions ({', '.join(raised)}) may not run on an older interpreter; add its target to find out"
        return RuleResult("operators", Verdict.WARNING, allowed, measured, why)
    return RuleResult("operators", Verdict.PASSED, allowed, measured, "no new operators or higher versions")


def _first_difference(labels: tuple[str, ...], other: tuple[str, ...]) -> str:
    """The first class whose name differs, as ``3 is 'cat' here and 'dog'``."""
    for number in range(max(len(labels), len(other))):
        here = repr(labels[number]) if number < len(labels) else "nameless"
        there = repr(other[number]) if number < len(other) else "nameless"
        if here != there:
            return f"{number} is {here} here and {there}"
    return ""
