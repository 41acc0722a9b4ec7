"""litert-quantizer's recipe for each mode: a list of rules, of which the last that matches an operator applies."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.description import ModelDescription, OperatorDescription, SubgraphDescription

Rule = dict[str, Any]

#: LiteRT's int8 kernels for these abort the process if the output's scale is small compared to the inputs', as it is
#: in every layer normalization.
_FLOAT_ONLY_OPERATORS = ("SQUARED_DIFFERENCE",)

#: Operators whose kernels read 4-bit weights; other layers with weights get 8 bits.
INT4_OPERATORS = ("FULLY_CONNECTED", "CONV_2D", "EMBEDDING_LOOKUP")
#: Weights of at most this many elements are stored as float16 in ``dynamic``: quantizing the activations on the fly
#: takes longer than the integers save. TensorFlow's converter keeps weights of fewer than 1024 elements in float; at
#: 2048, a dense layer of 32 inputs and 64 outputs still takes 1.1 times as long with int8
#: (``benchmarks/dynamic_latency.py``).
_SMALL_WEIGHTS = 2048
#: Position of the weights in the operators that ``dynamic`` would quantize.
_WEIGHTS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1}
#: litert-quantizer truncates the names that it matches rules against.
_LONGEST_SCOPE = 10_000


def recipe_for(
    description: ModelDescription,
    mode: Mode,
    *,
    io: IoType = IoType.FLOAT32,
    scheme: Scheme = Scheme.PER_CHANNEL,
    float_operators: Collection[str] = (),
    per_tensor_operators: Collection[str] = (),
) -> list[Rule]:
    """Return the recipe that turns a float32 model into one of ``mode``.

    Args:
        description: The float32 model.
        mode: Any mode except ``NONE``, which needs no recipe.
        io: float32 keeps inputs and outputs in float; the integer types make them integers.
        scheme: How many scales weights have; layers that need one per channel always get that.
        float_operators: Names of output tensors whose operators stay in float.
        per_tensor_operators: Kinds of operators, such as ``FULLY_CONNECTED``, whose weights get one scale regardless
            of ``scheme``.
    Raises:
        UsageError: No operator writes one of ``float_operators``.
    """
    if mode is Mode.FLOAT16:
        rules = [_float16_weights(".*", "*")]
    else:
        rules = _weight_rules(mode, scheme, frozenset(per_tensor_operators))
        rules += [] if mode.needs_calibration else _channelwise_rules(description, mode)
        rules += list(_fast_float_rules(description)) if mode is Mode.DYNAMIC else []
    if mode.needs_calibration:
        rules += [_left_in_float(".*", operator) for operator in _FLOAT_ONLY_OPERATORS]
        if io is IoType.FLOAT32:
            rules += [_left_in_float(".*", edge) for edge in ("INPUT", "OUTPUT")]
            rules += _copy_rules(description)
        rules += _loop_rules(description, scheme, per_tensor_operators)
    return rules + list(_float_rules(description, float_operators))


def operator_scope(operator: OperatorDescription, graph: SubgraphDescription) -> str:
    """litert-quantizer's name of an operator: the names of its outputs, or else of its inputs, each ended by ``;``."""
    names = [graph.tensors[index].name for index in operator.outputs or operator.inputs if index != -1]
    return "".join(f"{name};" for name in names if name)[:_LONGEST_SCOPE]


def _weight_rules(mode: Mode, scheme: Scheme, per_tensor_operators: frozenset[str]) -> list[Rule]:
    """A rule for all operators, ignored for operators without a kernel for it, and rules for single kinds."""
    four_bits = INT4_OPERATORS if mode.record.weight_bits == 4 else ()
    rest = Mode.DYNAMIC if four_bits else mode
    rules = [_integers(".*", "*", rest, scheme)]
    rules += [_integers(".*", kind, mode, scheme) for kind in four_bits if kind not in per_tensor_operators]
    for kind in sorted(per_tensor_operators):
        rules.append(_integers(".*", _kind(kind), mode if kind in four_bits else rest, Scheme.PER_TENSOR))
    return rules


def needs_channel_scales(kind: str, data_channels: int, weight_shape: Sequence[int]) -> bool:
    """Whether LiteRT's kernel with float activations always reads one scale per channel, whatever the file contains.

    Measured on LiteRT 2.3: with a single scale, DEPTHWISE_CONV_2D computes as if the weights of all channels but the
    first were 0, and a CONV_2D with several groups is rejected.
    """
    return kind == "DEPTHWISE_CONV_2D" or (kind == "CONV_2D" and data_channels != weight_shape[-1])


def _channelwise_rules(description: ModelDescription, mode: Mode) -> list[Rule]:
    rules = []
    for graph in description.subgraphs:
        for operator in graph.operators:
            if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                continue
            data, weights = (graph.tensors[index].shape for index in operator.inputs[:2])
            if needs_channel_scales(operator.name, data[-1], weights):
                bits = mode if operator.name in INT4_OPERATORS else Mode.DYNAMIC
                scope = f"^{re.escape(operator_scope(operator, graph))}$"
                rules.append(_integers(scope, operator.name, bits, Scheme.PER_CHANNEL))
    return rules


def _fast_float_rules(description: ModelDescription) -> Iterator[Rule]:
    """Keep weights in float if int8 weights with float activations would be slower on XNNPACK, which most runtimes use.

    XNNPACK has such kernels for CONV_2D and FULLY_CONNECTED only. DEPTHWISE_CONV_2D and TRANSPOSE_CONV would fall back
    to reference kernels, 2 to 7 times as slow. float16 weights become float32 when the model is loaded, except those of
    TRANSPOSE_CONV, which would be converted in each prediction.
    """
    graph = description.subgraphs[0]
    for operator in graph.operators:
        if operator.name not in _WEIGHTS or not graph.tensors[operator.inputs[_WEIGHTS[operator.name]]].is_constant:
            continue
        size = math.prod(graph.tensors[operator.inputs[_WEIGHTS[operator.name]]].shape)
        scope = f"^{re.escape(operator_scope(operator, graph))}$"
        if operator.name == "TRANSPOSE_CONV":
            yield _left_in_float(scope, _kind(operator.name))
        elif operator.name == "DEPTHWISE_CONV_2D" or size <= _SMALL_WEIGHTS:
            yield _float16_weights(scope, operator.name)


def _copy_rules(description: ModelDescription) -> list[Rule]:
    """Keep an input that is returned as an output in float, so that it is copied unchanged."""
    main = description.subgraphs[0]
    copies = [
        operator
        for operator in main.operators
        if operator.name == "SLICE" and operator.inputs[0] in main.inputs and operator.outputs[0] in main.outputs
    ]
    return [_left_in_float(f"^{re.escape(operator_scope(operator, main))}$", "SLICE") for operator in copies]


def _loop_rules(description: ModelDescription, scheme: Scheme, per_tensor_operators: Collection[str]) -> list[Rule]:
    """Give loops int8 weights and float activations, since a loop's variables must keep their types."""
    scopes = [operator_scope(operator, graph) for graph in description.subgraphs[1:] for operator in graph.operators]
    # litert-quantizer also treats the inputs and outputs of a loop's graph as operators, named after their tensors.
    for graph in description.subgraphs[1:]:
        for ends in (graph.inputs, graph.outputs):
            scopes.append("".join(f"{graph.tensors[index].name};" for index in ends)[:_LONGEST_SCOPE])
    if not scopes:
        return []
    inside = "|".join(f"^{re.escape(scope)}$" for scope in dict.fromkeys(scopes) if scope)
    dense = Scheme.PER_TENSOR if "FULLY_CONNECTED" in per_tensor_operators else scheme
    return [_left_in_float(inside, "*"), _integers(inside, "FULLY_CONNECTED", Mode.DYNAMIC, dense)]


def _float_rules(description: ModelDescription, names: Collection[str]) -> Iterator[Rule]:
    wanted = set(names)
    for graph in description.subgraphs:
        for operator in graph.operators:
            outputs = {graph.tensors[index].name for index in operator.outputs if index != -1}
            if outputs & wanted:
                # Match the kind too: litert-quantizer treats a model's output as an operator with the same name.
                yield _left_in_float(f"^{re.escape(operator_scope(operator, graph))}$", _kind(operator.name))
            wanted -= outputs
    if wanted:
        raise UsageError(
            "No operator of the model writes a tensor that should stay in float.",
            expected="names of output tensors of operators",
            received=", ".join(sorted(wanted)),
        )


def _kind(name: str) -> str:
    """litert-quantizer's name of a kind of operator: the same as the schema's, with one exception."""
    return "CONV_2D_TRANSPOSE" if name == "TRANSPOSE_CONV" else name


def _float16_weights(regex: str, operation: str) -> Rule:
    return {
        "regex": regex,
        "operation": operation,
        "algorithm_key": "float_casting",
        "op_config": {
            "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"},
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
        },
    }


def _integers(regex: str, operation: str, mode: Mode, scheme: Scheme) -> Rule:
    weight_bits, activation_bits = mode.record.weight_bits, mode.record.activation_bits
    granularity = "CHANNELWISE" if scheme is Scheme.PER_CHANNEL else "TENSORWISE"
    config: dict[str, Any] = {
        # LiteRT's kernels support symmetric weights only.
        "weight_tensor_config": {"num_bits": weight_bits, "symmetric": True, "granularity": granularity},
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
    }
    if activation_bits is not None:
        # int16 activations are symmetric; int8 activations have a zero point.
        config["activation_tensor_config"] = {
            "num_bits": activation_bits,
            "symmetric": activation_bits == 16,
            "granularity": "TENSORWISE",
        }
    return {"regex": regex, "operation": operation, "algorithm_key": "min_max_uniform_quantize", "op_config": config}


def _left_in_float(regex: str, operation: str) -> Rule:
    return {"regex": regex, "operation": operation, "algorithm_key": "no_quantize"}
