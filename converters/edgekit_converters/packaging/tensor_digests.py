"""Digests of all constant tensors, so that two files can be compared weight by weight."""

from __future__ import annotations

import hashlib

from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Number of hex digits kept: 64 bits are enough to detect changed weights, and a model has hundreds of tensors.
_DIGITS = 16


def tensor_digests(model: TfliteModel) -> tuple[tuple[str, ...], ...]:
    """Compute the shortened SHA-256 of the data of each constant tensor.

    Args:
        model: The file.
    Returns:
        For each subgraph, the digests of its constant tensors in the order of the tensors.
    """
    known: dict[tuple[int, int], str] = {}
    digests = []
    for subgraph in model.description.subgraphs:
        for tensor in subgraph.tensors:
            place = (tensor.data_offset, tensor.size_bytes)
            if tensor.is_constant and place not in known:
                data = memoryview(model.content)[place[0] : sum(place)]
                known[place] = hashlib.sha256(data).hexdigest()[:_DIGITS]
        constants = [tensor for tensor in subgraph.tensors if tensor.is_constant]
        digests.append(tuple(known[tensor.data_offset, tensor.size_bytes] for tensor in constants))
    return tuple(digests)


def changed_tensors(model: TfliteModel, packed: tuple[tuple[str, ...], ...]) -> list[str]:
    """Names of the constant tensors whose digest differs from the packed one.

    Args:
        model: The file.
        packed: The digests packed with it.
    """
    now = tensor_digests(model)
    changed = []
    for subgraph, own, expected in zip(model.description.subgraphs, now, packed, strict=False):
        constants = [tensor for tensor in subgraph.tensors if tensor.is_constant]
        changed += [t.name for t, a, b in zip(constants, own, expected, strict=False) if a != b]
    return changed
