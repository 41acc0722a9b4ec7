"""Checks an exported program's description part by part, and rebuilds it for PyTorch.

Everything that PyTorch would evaluate, import or look up, apart from tensors and numbers, is left out: guards, node
metadata, and the structure of inputs and outputs, which become flat lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgekit_converters.exported_programs import fields
from edgekit_converters.exported_programs.fields import FieldError
from edgekit_converters.exported_programs.operators import GET_ITEM, SCALAR_OPERATORS, is_computing
from edgekit_converters.exported_programs.symbolic_sizes import MAX_DEGREE, symbol_of

_LEAF: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
#: `torch.tensor()` in `forward()` is exported as an in-place operator on a view, which PyTorch refuses to run again.
_REPLACED = {"torch.ops.aten.detach_.default": "torch.ops.aten.detach.default"}


def _target(value: Any) -> str:
    if not isinstance(value, str) or not is_computing(value):
        raise FieldError(f"the operator {str(value)[:80]!r}")
    return _REPLACED.get(value, value)


def _symbol(value: Any) -> str:
    if symbol_of(f"Symbol('{value}')") is None:
        raise FieldError(f"the symbol {str(value)[:80]!r}")
    return str(value)


_argument_name = fields.optional(fields.string)
_node = fields.record(
    {
        "target": _target,
        "inputs": fields.many(
            fields.record({"name": _argument_name, "arg": fields.argument, "kind": fields.optional(fields.integer)})
        ),
        "outputs": fields.many(fields.argument),
    },
    ignored=("metadata", "is_hop_single_tensor_return", "name"),
)
_empty = fields.record({})
_graph = fields.record(
    {
        "inputs": fields.many(fields.argument),
        "outputs": fields.many(fields.argument),
        "nodes": fields.many(_node),
        "tensor_values": fields.named(fields.name, fields.tensor_meta),
        "sym_int_values": fields.named(fields.name, fields.size),
        "sym_bool_values": fields.named(fields.name, fields.condition),
        "sym_float_values": fields.named(fields.name, fields.symbolic_number),
        "is_single_tensor_return": fields.boolean,
        "custom_obj_values": _empty,
    }
)
_signature = fields.record(
    {
        "input_specs": fields.many(
            fields.one_of(
                {
                    "user_input": fields.record({"arg": fields.one_of({"as_tensor": fields.tensor_name})}),
                    "parameter": fields.record({"arg": fields.tensor_name, "parameter_name": fields.dotted_path}),
                    "buffer": fields.record(
                        {"arg": fields.tensor_name, "buffer_name": fields.dotted_path, "persistent": fields.boolean}
                    ),
                    "tensor_constant": fields.record(
                        {"arg": fields.tensor_name, "tensor_constant_name": fields.dotted_path}
                    ),
                    "constant_input": fields.record({"name": fields.name, "value": fields.constant}),
                }
            )
        ),
        "output_specs": fields.many(
            fields.one_of(
                {
                    "user_output": fields.record({"arg": fields.argument}),
                    "buffer_mutation": fields.record({"arg": fields.tensor_name, "buffer_name": fields.dotted_path}),
                    "user_input_mutation": fields.record({"arg": fields.tensor_name, "user_input_name": fields.name}),
                }
            )
        ),
    }
)
_range = fields.record({"min_val": fields.optional(fields.integer), "max_val": fields.optional(fields.integer)})
_version = fields.record({"major": fields.integer, "minor": fields.integer})
_program = fields.record(
    {
        "graph_module": fields.record(
            {"graph": _graph, "signature": _signature},
            ignored=("module_call_graph", "metadata", "treespec_namedtuple_fields"),
        ),
        "opset_version": fields.named(fields.name, fields.integer),
        "range_constraints": fields.named(_symbol, _range),
        "schema_version": _version,
        "torch_version": fields.version,
    },
    ignored=("verifiers", "guards_code"),
)


def checked_description(description: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild the description for PyTorch from the parts that are known and plain.

    Args:
        description: Content of ``models/model.json``.
    Raises:
        FieldError: A part differs from what PyTorch writes for tensors, numbers and ATen operators.
    """
    program: dict[str, Any] = _program(dict(description))
    module = program["graph_module"]
    _require_bounded_scalars(module["graph"]["nodes"])
    for node in module["graph"]["nodes"]:
        node["metadata"] = {}
    for spec in module["signature"]["input_specs"]:
        # PyTorch records names separately only for tensors.
        _require_known(spec, module["graph"])
    inputs = [spec for spec in module["signature"]["input_specs"] if {"user_input", "constant_input"} & set(spec)]
    outputs = [spec for spec in module["signature"]["output_specs"] if "user_output" in spec]
    module |= {
        "module_call_graph": [{"fqn": "", "signature": _flat_signature(len(inputs), len(outputs))}],
        "metadata": {},
        "treespec_namedtuple_fields": {},
    }
    return program | {"verifiers": ["TRAINING"], "guards_code": []}


def _require_known(spec: Mapping[str, Any], graph: Mapping[str, Any]) -> None:
    ((kind, content),) = spec.items()
    if kind != "constant_input":
        place = content["arg"]["as_tensor"] if kind == "user_input" else content["arg"]
        if place["name"] not in graph["tensor_values"]:
            raise FieldError(f"the input {place['name']!r}, which has no shape")


def _flat_signature(inputs: int, outputs: int) -> dict[str, Any]:
    arguments = {"type": "builtins.tuple", "context": "null", "children_spec": [_LEAF] * inputs}
    keywords = {"type": "builtins.dict", "context": "[]", "children_spec": []}
    given = {"type": "builtins.tuple", "context": "null", "children_spec": [arguments, keywords]}
    returned = {"type": "builtins.tuple", "context": "null", "children_spec": [_LEAF] * outputs}
    return {
        "inputs": [],
        "outputs": [],
        "in_spec": json.dumps([1, given]),
        "out_spec": json.dumps([1, returned]),
        "forward_arg_names": None,
    }


def _require_bounded_scalars(nodes: list[dict[str, Any]]) -> None:
    """Reject a chain of multiplications of sizes whose result would not fit into any memory."""
    degrees: dict[str, int] = {}
    for node in nodes:
        if node["target"] not in SCALAR_OPERATORS:
            _require_plain_item(node)
            continue
        given = [_scalar_degree(each["arg"], degrees) for each in node["inputs"]]
        degree = sum(given) if node["target"] == "_operator.mul" else max(given, default=1)
        if degree > MAX_DEGREE:
            raise FieldError("a product of sizes that grows without limit")
        for output in node["outputs"]:
            ((_, content),) = output.items()
            if isinstance(content, dict) and "as_name" in content:
                degrees[content["as_name"]] = degree


def _require_plain_item(node: Mapping[str, Any]) -> None:
    if node["target"] == GET_ITEM and [next(iter(each["arg"])) for each in node["inputs"][1:]] != ["as_int"]:
        raise FieldError("a part of a result that is not selected by an integer")


def _scalar_degree(argument: Mapping[str, Any], degrees: Mapping[str, int]) -> int:
    ((kind, content),) = argument.items()
    if kind in ("as_int", "as_float", "as_bool"):
        return 1
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
        return degrees.get(content.get("as_name", ""), 1)
    if kind in ("as_sym_ints", "as_sym_floats", "as_ints"):
        return max((degrees.get(each.get("as_name", ""), 1) for each in content if isinstance(each, dict)), default=1)
    raise FieldError(f"arithmetic of sizes on a value of the kind {kind!r}")
