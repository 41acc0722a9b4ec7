"""Finds which inputs of a model are indices into its tables, and how many rows these tables have."""

from __future__ import annotations

from edgekit_runtime.tflite.description import ModelDescription

#: Operators that look up rows: positions of the table and of the indices among their operands.
_LOOK_UPS = {"GATHER": (0, 1), "EMBEDDING_LOOKUP": (1, 0)}
#: Operators that pass an index on: with another type, shape or position, or clamped to a range.
_CARRIERS = frozenset(
    {
        "CAST", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V",
        "UNPACK", "PACK", "CONCATENATION", "TILE", "BROADCAST_TO", "REVERSE_V2", "FLOOR", "MAXIMUM", "MINIMUM",
        "SELECT", "SELECT_V2", "ADD", "QUANTIZE", "DEQUANTIZE",
    }
)  # fmt: skip


def rows_by_input(description: ModelDescription) -> dict[str, int]:
    """Count the rows that each index input can choose from: those of the smallest table that it is used with.

    Args:
        description: A model with at least one signature.
    Returns:
        Rows by input name; inputs that are not indices are left out. If a table's indices cannot be traced back to an
        input, every input that is not known to index another table gets that table's rows.
    """
    signature = description.signatures[0]
    tensors = description.subgraphs[signature.subgraph].tensors
    operators = description.subgraphs[signature.subgraph].operators
    writers = {output: operator for operator in operators for output in operator.outputs}
    names = {index: name for name, index in signature.inputs}
    rows: dict[str, int] = {}
    unknown: list[int] = []
    for operator in operators:
        if operator.name not in _LOOK_UPS:
            continue
        table, indices = (operator.inputs[place] for place in _LOOK_UPS[operator.name])
        if not (tensors[table].is_constant and len(tensors[table].shape) > 1):
            continue
        count = tensors[table].shape[0]
        found, waiting, seen = False, [indices], set()
        while waiting:
            tensor = waiting.pop()
            if tensor in seen:
                continue
            seen.add(tensor)
            if tensor in names:
                found = True
                rows[names[tensor]] = min(count, rows.get(names[tensor], count))
            elif tensor in writers and writers[tensor].name in _CARRIERS:
                waiting += writers[tensor].inputs
        if not found and not tensors[indices].is_constant:
            unknown.append(count)
    return {name: min(unknown) for name in names.values() if unknown} | rows
