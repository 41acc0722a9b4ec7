"""Rules about the file: its bytes, its size, its labels, its operators."""

from __future__ import annotations

from edgekit.regression.baseline.content_digest import ContentDigest, differs_in_part
from edgekit.regression.baseline.stored import ModelRecord
from edgekit.regression.rules.thresholds import MAX_SIZE_GROWTH, NEW_OPERATORS, Limits
from edgekit.regression.verdicts import RuleResult, Verdict


def judge_integrity(baseline: ModelRecord, candidate: ModelRecord) -> RuleResult:
    """Fail where a model is damaged or edited: nearly the baseline's, or not what it says that it is.

    A file with a manifest says where it comes from: of the same origin, the weights are the same. Of a file without
    one, other weights are another training; a part of one constant that differs where all else is equal is none.
    """
    allowed = "equal weights where the origin is equal"
    measured = f"weights {candidate.content.whole[:12]}, baseline {baseline.content.whole[:12]}"
    if candidate.content == baseline.content:
        return RuleResult("integrity", Verdict.PASSED, allowed, measured, "the model is the baseline's, bit by bit")
    if not candidate.provenance:
        verdict, why = _judge_without_origin(baseline.content, candidate.content)
        return RuleResult("integrity", verdict, allowed, measured, why)
    if candidate.provenance != baseline.provenance or candidate.made_with != baseline.made_with:
        why = "another model than the baseline's, made from another source or in another way"
        return RuleResult("integrity", Verdict.PASSED, allowed, measured, why)
    why = (
        "the file says that it is the baseline's model, but its weights, scales or graph are others: damaged or edited"
    )
    return RuleResult("integrity", Verdict.FAILED, allowed, measured, why)


def _judge_without_origin(baseline: ContentDigest, candidate: ContentDigest) -> tuple[Verdict, str]:
    another = Verdict.PASSED, "another model than the baseline's; it does not say where it comes from"
    if candidate.graph != baseline.graph or len(candidate.constants) != len(baseline.constants):
        return another
    same = [now == before for now, before in zip(candidate.constants, baseline.constants, strict=True)]
    changed, count = same.count(False), len(same)
    # The last represents all small constants. No training changes a part of one weight tensor and leaves all else.
    if changed == 1 and any(same[:-1]):
        place = same.index(False)
        if place == count - 1 or differs_in_part(candidate.constants[place], baseline.constants[place]):
            why = f"a part of 1 of {count} constants differs and all else is the baseline's: damaged or edited"
            return Verdict.FAILED, why
    if 2 * changed <= count:
        return Verdict.WARNING, f"only {changed} of {count} constants differ from the baseline's: is that meant?"
    return another


def judge_size(baseline: ModelRecord, candidate: ModelRecord, limits: Limits) -> RuleResult:
    """Fail where the file has grown by more than allowed."""
    growth = candidate.size_bytes / baseline.size_bytes - 1
    return RuleResult(
        "size",
        Verdict.FAILED if growth > limits[MAX_SIZE_GROWTH] else Verdict.PASSED,
        f"growth of at most {100 * limits[MAX_SIZE_GROWTH]:g} %",
        f"{baseline.size_bytes:,} → {candidate.size_bytes:,} bytes ({100 * growth:+.1f} %)",
        "the file has grown" if growth > 0 else "the file has not grown",
    )


def judge_labels(baseline: ModelRecord, candidate: ModelRecord, data_labels: tuple[str, ...]) -> RuleResult:
    """Fail where a class is called otherwise than in the baseline, or than in the data it is judged on."""
    allowed, labels = "the baseline's labels, in its order", candidate.labels
    measured = f"{len(labels)} labels" if labels else "no labels"
    if labels != baseline.labels:
        why = f"class {_first_difference(labels, baseline.labels)} in the baseline"
        return RuleResult("labels", Verdict.FAILED, allowed, measured, why)
    if labels and set(labels) == set(data_labels) and labels != data_labels:
        why = f"class {_first_difference(labels, data_labels)} in the data"
        return RuleResult("labels", Verdict.FAILED, allowed, measured, why)
    return RuleResult("labels", Verdict.PASSED, allowed, measured, "every class has the name it had")


def judge_operators(baseline: ModelRecord, candidate: ModelRecord, limits: Limits) -> RuleResult:
    """Fail where operators appear that the baseline does not have; warn of higher versions of those it has."""
    before, now = dict(baseline.operators), dict(candidate.operators)
    new = [name for name in now if name not in before]
    raised = [f"{name} {before[name]} → {now[name]}" for name in now if now[name] > before.get(name, now[name])]
    measured = f"{len(now)} operators" + (f", new: {', '.join(new)}" if new else "")
    allowed = "any operators" if limits[NEW_OPERATORS] else "the baseline's operators"
    if new and not limits[NEW_OPERATORS]:
        why = "a device that runs the baseline may lack a kernel for the new ones"
        return RuleResult("operators", Verdict.FAILED, allowed, measured, why)
    if raised:
        why = (
            f"versions have risen ({', '.join(raised)}): an older interpreter may refuse them; name its target to know"
        )
        return RuleResult("operators", Verdict.WARNING, allowed, measured, why)
    return RuleResult(
        "operators", Verdict.PASSED, allowed, measured, "nothing asks more of the interpreter than before"
    )


def _first_difference(labels: tuple[str, ...], other: tuple[str, ...]) -> str:
    """The first class whose name differs, as ``3 is 'cat' here and 'dog'``."""
    for number in range(max(len(labels), len(other))):
        here = repr(labels[number]) if number < len(labels) else "nameless"
        there = repr(other[number]) if number < len(other) else "nameless"
        if here != there:
            return f"{number} is {here} here and {there}"
    return ""
