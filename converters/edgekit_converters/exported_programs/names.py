"""Finds the names of the arguments and results of ``forward()``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MAX_STRUCTURE = 100_000


def input_names(description: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the tensors among the arguments: those in ``forward()``, or PyTorch's for parts of a list or dict.

    Args:
        description: The description as read; unusable parts of it are ignored.
        inputs: The specifications of all arguments, in order.
    """
    given = _root_signature(description).get("forward_arg_names")
    known = given if isinstance(given, list) and len(given) == len(inputs) else [None] * len(inputs)
    names = [
        argument if _is_name(argument) else spec["user_input"]["arg"]["as_tensor"]["name"]
        for argument, spec in zip(known, inputs, strict=True)
        if "user_input" in spec
    ]
    return _distinct(names)


def output_names(description: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the returned tensors: the keys of a dict, otherwise ``output``, or ``output_0``, ``output_1``…"""
    keys = _keys(_root_signature(description).get("out_spec"))
    if keys is None or len(keys) != len(outputs):
        keys = ["output"] if len(outputs) == 1 else [f"output_{place}" for place in range(len(outputs))]
    return _distinct([key for key, output in zip(keys, outputs, strict=True) if "as_tensor" in output])


def _root_signature(description: Mapping[str, Any]) -> Mapping[str, Any]:
    calls = description.get("graph_module", {}).get("module_call_graph")
    if not isinstance(calls, list) or not calls or not isinstance(calls[0], dict):
        return {}
    signature = calls[0].get("signature")
    return signature if isinstance(signature, dict) else {}


def _keys(structure: Any) -> list[str] | None:
    """The keys of a returned dict or named tuple; None for any other structure."""
    if not isinstance(structure, str) or len(structure) > _MAX_STRUCTURE:
        return None
    try:
        _, root = json.loads(structure)
        keys = json.loads(root["context"])
        leaves = [child["type"] is None for child in root["children_spec"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not isinstance(keys, list) or len(keys) != len(leaves) or not all(leaves) or not all(map(_is_name, keys)):
        return None
    return keys


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def _distinct(names: Sequence[str]) -> list[str]:
    """Make names unique."""
    distinct: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in distinct:
            number, candidate = number + 1, f"{name}_{number}"
        distinct.append(candidate)
    return distinct
