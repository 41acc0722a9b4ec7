"""Scans a SavedModel: finds the part that a signature needs, and checks that every operator is allowed.

The part that a signature does not need is never passed to TensorFlow. It is scanned as well, since nothing checks it
later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit_converters.saved_models.description import GraphNode, MetaGraph, Signature
from edgekit_converters.saved_models.operators import COMPUTING, FORESTS, LEFT_OUT, RESTORING, SAVING, TABLES, TEXT
from edgekit_runtime.errors import ConversionError, EdgekitError, UnsafeModelError

#: Nodes that are replaced by their stored values.
VARIABLES = frozenset(("VarHandleOp", "VariableV2", "Variable"))
CONSTANT_TABLES = frozenset(("HashTableV2",))
#: Prefix of the functions that TensorFlow generates; no operator has such a name.
_FUNCTION_PREFIX = "__"
#: Operators that only pass values on, which a list of a model's operators does not need.
_PLUMBING = frozenset(("Placeholder", "NoOp", "Const", "Identity", "PartitionedCall", "StatefulPartitionedCall"))


@dataclass(frozen=True, slots=True)
class NeededPart:
    """The part of a graph that a signature needs.

    Attributes:
        nodes: Names of nodes of the main graph, without the inputs and the nodes in ``stored``.
        functions: Names of functions.
        stored: Names of variables and tables.
    """

    nodes: frozenset[str]
    functions: frozenset[str]
    stored: frozenset[str]


def needed_part(graph: MetaGraph, *signatures: Signature) -> NeededPart:
    """Find the needed part by walking from the signatures' outputs to their inputs."""
    inputs = {node_of(tensor.tensor) for signature in signatures for tensor in signature.inputs}
    outputs = [tensor.tensor for signature in signatures for tensor in signature.outputs]
    nodes, functions = _reached(graph, outputs, stop_at=inputs)
    stored = {name for name in nodes if graph.nodes[name].op in VARIABLES | CONSTANT_TABLES}
    return NeededPart(frozenset(nodes - stored), frozenset(functions), frozenset(stored))


def node_of(tensor: str) -> str:
    """Name of the node that a tensor or a control input belongs to."""
    return tensor.removeprefix("^").partition(":")[0]


def operator_counts(graph: MetaGraph, signatures: Sequence[Signature]) -> dict[str, int]:
    """Count the operators that signatures need, most frequent first, without those that only pass values on."""
    nodes = _nodes(graph, needed_part(graph, *signatures))
    counts = Counter(node.op for node, _ in nodes if not node.op.startswith(_FUNCTION_PREFIX))
    return {op: count for op, count in counts.most_common() if op not in _PLUMBING}


def require_allowed(graph: MetaGraph, signature: Signature, folder: Path) -> NeededPart:
    """Reject a graph that contains, anywhere, an operator that is not on the allow-lists.

    Args:
        graph: The serving graph.
        signature: The signature to convert.
        folder: The SavedModel, for messages.
    Returns:
        The part that the signature needs, in which all operators only compute.
    Raises:
        UnsafeModelError: An operator may access files, processes or the network.
        ConversionError: The signature needs strings, a decision forest, or something else without a form in TFLite.
    """
    require_no_unknown_operators(graph, folder)
    part = needed_part(graph, signature)
    needed: dict[str, str] = {}
    for node, place in _nodes(graph, part):
        if not _is_computing(node, graph):
            needed.setdefault(node.op, f"{node.name}{place}")
    if needed:
        raise _not_computing(needed, folder)
    return part


def require_no_unknown_operators(graph: MetaGraph, folder: Path) -> None:
    """Reject operators that are on none of the allow-lists, and those that save outside the graph's own saver.

    Raises:
        UnsafeModelError: Such an operator was found; the message says where.
    """
    _, of_saver = _reached(graph, (name for name in (graph.save, graph.restore) if name), stop_at=())
    for node in graph.nodes.values():
        _require_known(node, graph, folder, "", is_saver=True)
    for name, nodes in graph.functions.items():
        for node in nodes:
            _require_known(node, graph, folder, f" in function {name}", is_saver=name in of_saver)


def _require_known(node: GraphNode, graph: MetaGraph, folder: Path, place: str, *, is_saver: bool) -> None:
    if _is_computing(node, graph) or node.op in LEFT_OUT or (is_saver and node.op in SAVING):
        return
    raise _unsafe(node.op, f"{node.name}{place}", folder)


def _is_computing(node: GraphNode, graph: MetaGraph) -> bool:
    is_call = node.op.startswith(_FUNCTION_PREFIX) and node.op in graph.functions
    return node.op in COMPUTING or is_call


def _unsafe(op: str, place: str, folder: Path) -> UnsafeModelError:
    return UnsafeModelError(
        f"{folder.name} holds the operator {op} (node {place}), which is not one of those that only compute.",
        expected="operators that compute, and those that save and restore the model's own variables",
        received=op,
        next_step="export the model again without it",
    )


def _not_computing(needed: dict[str, str], folder: Path) -> EdgekitError:
    """The reason why the operators that a signature needs cannot be lowered, the most informative one first."""
    name = folder.name
    for op, place in needed.items():
        if op not in LEFT_OUT or op in RESTORING:
            return _unsafe(op, place, folder)
    if needed.keys() & FORESTS:
        return ConversionError(
            f"{name} is a decision forest, and TFLite has no operators for those.",
            received=", ".join(sorted(needed.keys() & FORESTS)),
            next_step="run it with TensorFlow Decision Forests or YDF, whose models also compile to C++",
        )
    if needed.keys() & (TEXT | TABLES):
        return ConversionError(
            f"{name} works on text or looks up values in tables inside the model, which TFLite cannot do.",
            expected="a signature that takes numbers",
            received=", ".join(sorted(needed.keys() & (TEXT | TABLES))),
            next_step="export a signature that starts after these layers, and prepare the text before the model",
        )
    places = ", ".join(f"{op} (node {place})" for op, place in list(needed.items())[:3])
    return ConversionError(
        f"{name} uses operators that have no builtin form in TFLite: {places}.",
        next_step="export the model again for inference, without training",
    )


def _nodes(graph: MetaGraph, part: NeededPart) -> Iterator[tuple[GraphNode, str]]:
    """Yield the nodes of a part, each with its location if that is a function."""
    for name in sorted(part.nodes):
        yield graph.nodes[name], ""
    for name in sorted(part.functions):
        for node in graph.functions[name]:
            yield node, f" in function {name}"


def _reached(graph: MetaGraph, starts: Iterable[str], *, stop_at: Collection[str]) -> tuple[set[str], set[str]]:
    """Names of the nodes and functions that the given tensors are computed with."""
    nodes: set[str] = set()
    functions: set[str] = set()
    waiting = [node_of(start) for start in starts]
    while waiting:
        name = waiting.pop()
        if name in nodes or name in stop_at or name not in graph.nodes:
            continue
        nodes.add(name)
        node = graph.nodes[name]
        waiting += map(node_of, node.inputs)
        _add_functions(graph, (node,), functions)
    return nodes, functions


def _add_functions(graph: MetaGraph, callers: Iterable[GraphNode], found: set[str]) -> None:
    """Add the functions that nodes call, directly or indirectly."""
    waiting = list(callers)
    while waiting:
        node = waiting.pop()
        for name in (node.op, *node.functions):
            if name in graph.functions and name not in found:
                found.add(name)
                waiting += graph.functions[name]
