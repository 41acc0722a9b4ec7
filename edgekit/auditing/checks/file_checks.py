"""Checks of the file itself: its structure, its packed parts, and the targets it runs on."""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.artifacts.verification import find_signer
from edgekit.auditing.check import Finding, problem, remark
from edgekit.auditing.context import AuditContext
from edgekit.counting import counted
from edgekit_converters.packaging.artifact import unpack
from edgekit_converters.packaging.foreign_metadata import ForeignMetadata, read_foreign_metadata
from edgekit_converters.targets.rules import rules_for
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.packed_file.model_file import refuse_lost_parts
from edgekit_runtime.task import CLASSES, IMAGE
from edgekit_runtime.tensor_info import model_outputs
from edgekit_runtime.tflite.description import SubgraphDescription


def judge_structure(context: AuditContext) -> Iterator[Finding]:
    """Offsets, shapes, types and scales, before native code reads the file."""
    if context.structure_error:
        yield problem(context.structure_error)


def judge_packed_parts(context: AuditContext) -> Iterator[Finding]:
    """The digest and the signature packed into the file."""
    try:
        manifest = read_manifest(context.content)
        refuse_lost_parts(context.parsed.description, manifest.model_sha256)
        find_signer(context.content, context.path.name)
    except ModelFileError as error:
        yield problem(f"{error.problem} {error.received}".strip())


def judge_operators(context: AuditContext) -> Iterator[Finding]:
    """Operators that a target does not have in the required version or for the required type."""
    for check in context.target_checks:
        missing = [finding for finding in check.findings if not _is_trap(check.target, finding.problem)]
        if missing:
            first = missing[0]
            more = f"; and {counted(len(missing) - 1, 'other operator')}" if len(missing) > 1 else ""
            text = f"does not run: {first.operator} {first.problem}{more}"
            yield _for_target(context, check.target, text)


def judge_traps(context: AuditContext) -> Iterator[Finding]:
    """Operators that a target has, but computes wrongly or crashes in."""
    for check in context.target_checks:
        trapped: dict[str, list[str]] = {}
        for finding in check.findings:
            if _is_trap(check.target, finding.problem):
                trapped.setdefault(finding.problem, []).append(finding.operator)
        for reason, operators in trapped.items():
            names = ", ".join(dict.fromkeys(operators))
            yield _for_target(context, check.target, f"{counted(len(operators), 'operator')} ({names}): {reason}")


def _is_trap(target: str, reason: str) -> bool:
    return any(rule.reason == reason for rule in rules_for(target))


def _for_target(context: AuditContext, target: str, text: str) -> Finding:
    """A problem if the user requested the target or if no target runs the file; otherwise a remark."""
    is_needed = target in context.request.targets or not any(check.runs for check in context.target_checks)
    return problem(text, target) if is_needed else remark(text, target)


def judge_metadata(context: AuditContext) -> Iterator[Finding]:
    """Facts that a user needs who has only the file: labels, pixel range, names."""
    description, manifest = context.parsed.description, context.manifest
    foreign = _foreign_metadata(context)
    labels = manifest.labels or foreign.labels
    for info in model_outputs(description):
        kind = context.task.outputs[info.name]
        if kind.name != CLASSES or len(info.shape) != 2:
            continue
        classes = max(info.shape[-1], 2)
        if labels and len(labels) != classes:
            yield problem(f"{counted(len(labels), 'label')} for {counted(classes, 'class', 'classes')}", info.name)
        elif not labels:
            yield remark(f"no labels for {counted(classes, 'class', 'classes')}", info.name)
    for name, kind in context.task.inputs.items():
        if kind.name == IMAGE and not foreign.mean and manifest.preprocessing_of(name) is None:
            yield remark("nothing says what pixels 0 and 255 become at the input", name)
    if not description.signatures:
        yield remark("no signature: inputs and outputs have the names of tensors")
    if not manifest.model_sha256:
        yield remark("no digest and no golden examples: damage to its weights cannot be detected")


def _foreign_metadata(context: AuditContext) -> ForeignMetadata:
    try:
        return read_foreign_metadata(context.content, unpack(context.parsed).parts)
    except ModelFileError:
        return ForeignMetadata()


def judge_unused_inputs(context: AuditContext) -> Iterator[Finding]:
    """Inputs that reach no output, and outputs that no input reaches."""
    description = context.parsed.description
    graph = description.subgraphs[0]
    for tensor in description.inputs:
        if not _reached(graph, {tensor.index}) & set(graph.outputs):
            yield problem("no output depends on this input", tensor.name or f"tensor {tensor.index}")
    reached = _reached(graph, set(graph.inputs))
    for tensor in description.outputs:
        if tensor.index not in reached:
            yield problem("this output depends on no input", tensor.name or f"tensor {tensor.index}")


def _reached(graph: SubgraphDescription, start: set[int]) -> set[int]:
    """Tensors that depend on the start tensors, in the order in which operators run."""
    reached = set(start)
    for operator in graph.operators:
        if reached.intersection(operator.inputs):
            reached.update(operator.outputs)
    return reached
