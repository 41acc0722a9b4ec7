"""Checks from its tensors and operators whether a target can run a .tflite; nothing is executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_converters.targets.needed_versions import NeededVersion, needed_version
from edgekit_converters.targets.operands import Operands, all_operands
from edgekit_converters.targets.rules import Remedy, Rule, rules_for
from edgekit_converters.targets.target import Target, find_target, probed_types
from edgekit_runtime.tflite.description import TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Index of the input whose type decides, if it is not the first.
_DECIDING_INPUTS = {"SPLIT": 1, "SELECT_V2": 1}


@dataclass(frozen=True, slots=True)
class Finding:
    """An operator that a target cannot run as it is.

    Attributes:
        subgraph: Index of its graph, 0 for the main graph.
        number: Index among the graph's operators.
        operator: Operator name, or the custom code of a custom operator.
        problem: What is wrong, in words that follow the operator's name.
        needed: Version that the operator needs; 0 if the version is not the problem.
        available: Highest version that the target has; 0 if it has none.
        tensors: Names of the tensors concerned.
        next_step: What the user can do.
        outputs: Names of the operator's outputs.
        remedy: What a conversion can do.
    """

    subgraph: int
    number: int
    operator: str
    problem: str
    needed: int
    available: int
    tensors: tuple[str, ...]
    next_step: str
    outputs: tuple[str, ...]
    remedy: Remedy = Remedy.NONE


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """Result of checking one model against one target.

    Attributes:
        target: Name of the target.
        findings: Operators that it cannot run; empty if it can run the model.
    """

    target: str
    findings: tuple[Finding, ...]

    @property
    def runs(self) -> bool:
        """Whether nothing prevents the model from running."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"target": self.target, "runs": self.runs, "findings": [asdict(finding) for finding in self.findings]}


def check_targets(model: TfliteModel, targets: Sequence[str]) -> tuple[TargetCheck, ...]:
    """Check a model against targets.

    Args:
        model: A .tflite from any tool.
        targets: Names of targets.
    Returns:
        A check for each, in this order.
    Raises:
        UsageError: A name is not that of a target.
    """
    wanted = [find_target(name) for name in targets]
    operators = list(all_operands(model))
    return tuple(TargetCheck(target.name, tuple(_findings(operators, target))) for target in wanted)


def _findings(operators: Sequence[Operands], target: Target) -> Iterator[Finding]:
    rules = rules_for(target.name)
    for operands in operators:
        if operands.name == "CUSTOM":
            yield from _custom_finding(operands, target)
            continue
        broken = next((rule for rule in rules if rule.find(operands)), None)
        if operands.name in target.highest_versions and broken is not None:
            yield _broken_rule(operands, broken)
        else:
            yield from _version_finding(operands, target) or _type_finding(operands, target)


def _custom_finding(operands: Operands, target: Target) -> Iterator[Finding]:
    name = operands.operator.custom_code
    if name in target.custom_operators:
        return
    kind = "needs TensorFlow's own kernels (Flex)" if name.startswith("Flex") else "is a custom operator"
    yield Finding(
        operands.subgraph,
        operands.number,
        name,
        f"{kind}, which {target.runtime} does not include",
        needed=0,
        available=0,
        tensors=_names(operands.outputs),
        next_step="replace the layer with one made of builtin operators",
        outputs=_names(operands.outputs),
    )


def _broken_rule(operands: Operands, rule: Rule) -> Finding:
    return Finding(
        operands.subgraph,
        operands.number,
        operands.name,
        rule.reason,
        needed=0,
        available=0,
        tensors=_names(rule.find(operands)),
        next_step=rule.next_step,
        outputs=_names(operands.outputs),
        remedy=rule.remedy,
    )


def _version_finding(operands: Operands, target: Target) -> list[Finding]:
    available = target.highest_versions.get(operands.name, 0)
    if available is None:
        return []
    needed = needed_version(operands)
    claimed = operands.operator.version
    if max(needed.version, claimed) <= available:
        return []
    if needed.version <= available:
        needed = NeededVersion(claimed, tensors=operands.outputs)
    why = f" for {needed.reason}" if needed.reason else ", which the file asks for"
    if available == 0:
        problem = f"is not among the operators of {target.runtime}"
    else:
        problem = f"needs version {needed.version}{why}; {target.runtime} has up to version {available}"
    found = Finding(
        operands.subgraph,
        operands.number,
        operands.name,
        problem,
        needed=needed.version,
        available=available,
        tensors=_names(needed.tensors or operands.outputs),
        next_step=f"convert the Keras model with edgekit convert --target {target.name}",
        outputs=_names(operands.outputs),
        remedy=_remedy(needed.tensors),
    )
    return [found]


def _type_finding(operands: Operands, target: Target) -> list[Finding]:
    """Report a kernel that does not support its input's type, if the target's kernels were probed."""
    known = target.types.get(operands.name)
    tensor = operands.input(_DECIDING_INPUTS.get(operands.name, 0))
    if known is None or tensor is None or tensor.dtype not in probed_types() - set(known):
        return []
    found = Finding(
        operands.subgraph,
        operands.number,
        operands.name,
        f"does not support {tensor.dtype} on {target.runtime}; it supports {', '.join(known)}",
        needed=0,
        available=0,
        tensors=_names((tensor,)),
        next_step=f"convert the Keras model with edgekit convert --target {target.name}",
        outputs=_names(operands.outputs),
        remedy=_remedy((tensor,)),
    )
    return [found]


def _remedy(tensors: Sequence[TensorDescription]) -> Remedy:
    """What helps if these tensors need too much: one scale in place of many, or float in place of integers."""
    if any(len(tensor.scales) > 1 for tensor in tensors):
        return Remedy.ONE_SCALE
    return Remedy.FLOAT if any(tensor.scales for tensor in tensors) else Remedy.NONE


def _names(tensors: Sequence[TensorDescription]) -> tuple[str, ...]:
    return tuple(tensor.name or f"tensor {tensor.index}" for tensor in tensors)
