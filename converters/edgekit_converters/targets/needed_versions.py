"""The version of an operator that its tensors need, whatever version the file claims.

A converter may claim too little: litert-quantizer leaves a dense layer with per-channel int8 weights at the version of
the float layer, and an older interpreter then uses its first scale for all channels. The rules are those that
TensorFlow's converter uses, ``tflite/converter/tools/versioning/op_version.cc`` of LiteRT (commit f2fe03e), without
conditions that every target's oldest version meets. If several conditions apply, the highest version is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgekit_converters.targets.operands import Operands
from edgekit_runtime.tflite.description import TensorDescription


@dataclass(frozen=True, slots=True)
class NeededVersion:
    """The version that an operator needs, and the reason.

    Attributes:
        version: Version, at least 1.
        reason: The condition in words; empty for version 1.
        tensors: The tensors concerned.
    """

    version: int
    reason: str = ""
    tensors: tuple[TensorDescription, ...] = ()


#: The version that the type of an operator's first input requires.
_INT8_2 = {"int8": 2}
_INT16_3 = {"int8": 2, "int16": 3}
_INT16_4 = {"int8": 2, "int16": 4}
_BY_FIRST_TYPE: dict[str, dict[str, int]] = {
    **dict.fromkeys(
        [
            "SPACE_TO_DEPTH",
            "SPLIT_V",
            "SUM",
            "LOG_SOFTMAX",
            "GREATER",
            "LESS_EQUAL",
            "SQUARED_DIFFERENCE",
            "DEPTH_TO_SPACE",
        ],
        _INT8_2,
    ),
    **dict.fromkeys(
        [
            "MAX_POOL_2D",
            "AVERAGE_POOL_2D",
            "SOFTMAX",
            "MEAN",
            "MIRROR_PAD",
            "REDUCE_MAX",
            "REDUCE_MIN",
            "RELU6",
            "RSQRT",
            "TANH",
            "LOGISTIC",
            "BATCH_MATMUL",
            "LESS",
            "GREATER_EQUAL",
            "TOPK_V2",
        ],
        _INT16_3,
    ),
    **dict.fromkeys(
        ["MAXIMUM", "MINIMUM", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"],
        _INT16_4,
    ),
    **{key: {"int8": 2, "int16": 2} for key in ("EXP", "LOG", "REDUCE_PROD", "SQRT", "FLOOR_MOD")},
    **{key: {"int8": 2, "bool": 3} for key in ("ARG_MAX", "ARG_MIN")},
    **{key: {**_INT16_3, "bool": 5} for key in ("PAD", "PADV2")},
    "ADD": {**_INT16_3, "int64": 4},
    "SUB": {"int8": 2, "int64": 4, "int16": 5},
    "MUL": {"int8": 2, "int16": 4, "int64": 5, "complex64": 6, "uint32": 7},
    "ABS": {"int8": 2, "uint8": 2, "int16": 3, "int32": 5},
    "RELU": {**_INT16_3, "uint8": 2},
    "GELU": {"int8": 2, "uint8": 2},
    "SIGN": {"int32": 2},
    "LEAKY_RELU": {"int16": 2},
    "RANGE": {"int64": 2},
    "SQUEEZE": {"string": 2},
    "TILE": {"string": 2, "int8": 3},
    "PACK": {**_INT16_3, "uint32": 4},
    "UNPACK": {"int8": 2, "uint8": 2, "bool": 3, "int16": 4},
    "CONCATENATION": {**_INT16_3, "uint32": 4},
    "TRANSPOSE": {"int8": 2, "bool": 3, "int16": 5, "int4": 7},
    "SLICE": {**_INT16_4, "string": 3, "uint32": 6, "int4": 7},
    "STRIDED_SLICE": {"int8": 2, "bool": 3, "string": 5, "uint32": 7},
    "REVERSE_V2": {"bool": 2, "int8": 3},
    "GATHER": {"int8": 2, "bool": 3, "int16": 4, "int4": 7},
    "GATHER_ND": {"string": 2, "int16": 3, "bool": 5},
    "SELECT": {"int8": 2, "uint32": 4},
    "SELECT_V2": {"uint32": 2},
    "EQUAL": {"int8": 2, "string": 3, "int16": 4},
    "NOT_EQUAL": {"int8": 2, "string": 3, "int16": 4},
    "FLOOR_DIV": {"float32": 2, "int8": 3, "int16": 3},
    "BROADCAST_TO": {"int8": 3, "int16": 3},
    "DYNAMIC_UPDATE_SLICE": {"float16": 3, "int16": 4},
    "DEQUANTIZE": {"int8": 2, "int16": 3, "float16": 3, "int4": 6, "int2": 7},
    "SVDF": {"int8": 3},
}
#: The same for operators whose version depends on the type of another input, by its index.
_BY_OTHER_TYPE: dict[str, tuple[int, dict[str, int]]] = {
    "SPLIT": (1, {"int8": 2, "int32": 3, "int16": 4}),
    "SPARSE_TO_DENSE": (2, {"int64": 2, "int8": 3, "uint8": 3}),
    "FILL": (1, {"bool": 2, "string": 2, "int8": 3, "int16": 3, "float16": 4}),
    "TRANSPOSE_CONV": (1, {"int8": 2}),
}
#: Number of dimensions of the first input that lower versions support, and the version for more.
_BY_RANK = {
    "TRANSPOSE": ((4, 4), (5, 6)),
    "SLICE": ((4, 5),),
    "STRIDED_SLICE": ((4, 4),),
    "PAD": ((4, 4),),
    "PADV2": ((4, 4),),
}
#: The version for broadcasting more than four dimensions.
_BY_BROADCAST = {"SUB": 3, "DIV": 2, "MAXIMUM": 3, "MINIMUM": 3}
_CAST = {"uint32": 2, "int8": 3, "uint16": 4, "float16": 5, "float64": 5, "int4": 6, "bfloat16": 7, "int2": 8}


def needed_version(operands: Operands) -> NeededVersion:
    """The version of an operator that its tensors need; 1 if they need nothing special.

    Args:
        operands: A builtin operator with its tensors.
    """
    found = [NeededVersion(1), *_by_type(operands), *_by_shape(operands)]
    if operands.name in _SPECIAL:
        found += _SPECIAL[operands.name](operands)
    return max(found, key=lambda needed: needed.version)


def _by_type(operands: Operands) -> Iterator[NeededVersion]:
    place, versions = _BY_OTHER_TYPE.get(operands.name, (0, _BY_FIRST_TYPE.get(operands.name, {})))
    tensor = operands.input(place)
    if tensor is not None and tensor.dtype in versions:
        yield NeededVersion(versions[tensor.dtype], f"{tensor.dtype} input", (tensor,))


def _by_shape(operands: Operands) -> Iterator[NeededVersion]:
    rank = operands.rank()
    for limit, version in _BY_RANK.get(operands.name, ()):
        if rank > limit:
            yield NeededVersion(version, f"{rank} dimensions", _present(operands, 0))
    if operands.name in _BY_BROADCAST:
        shapes = [tensor.shape for tensor in operands.inputs[:2] if tensor is not None]
        if len(shapes) == 2 and shapes[0] != shapes[1] and max(map(len, shapes)) > 4:
            yield NeededVersion(_BY_BROADCAST[operands.name], "broadcasting of 5 dimensions", _present(operands, 0, 1))


def _convolution(operands: Operands) -> Iterator[NeededVersion]:
    weights = _present(operands, 1)
    if operands.name == "CONV_2D":
        int16, int8_hybrid, per_channel = 4, 2, 5
        image, filters = operands.input(0), operands.input(1)
        if image and filters and operands.rank(0) == operands.rank(1) == 4 and image.shape[3] != filters.shape[3]:
            yield NeededVersion(6, "a grouped convolution", weights)
        if operands.dtype(0) == "int16" and operands.dtype(2) == "int32":
            yield NeededVersion(8, "int16 activations with a 32-bit bias", _present(operands, 2))
    else:
        int16, int8_hybrid, per_channel = 5, 4, 6
    if operands.is_hybrid():
        if operands.is_per_channel(1):
            yield NeededVersion(per_channel, "float activations with per-channel int8 weights", weights)
        yield NeededVersion(int8_hybrid, "float activations with int8 weights", weights)
    if operands.dtype(0) == "int16":
        yield NeededVersion(int16, "int16 activations", _present(operands, 0))
    if operands.dtype(0) == "int8":
        yield NeededVersion(3, "int8 activations", _present(operands, 0))
    if operands.dtype(1) == "int4":
        yield NeededVersion(7, "int4 weights", weights)


def _fully_connected(operands: Operands) -> Iterator[NeededVersion]:
    weights = _present(operands, 1)
    if operands.dtype(1) == "int2":
        yield NeededVersion(14, "int2 weights", weights)
    if operands.dtype(1) == "int4":
        version = 13 if operands.dtype(0) == "int16" else 10
        yield NeededVersion(version, f"{operands.dtype(0)} activations with int4 weights", weights)
    if operands.is_hybrid():
        if operands.is_per_channel(1):
            yield NeededVersion(12, "float activations with per-channel int8 weights", weights)
        yield NeededVersion(3, "float activations with int8 weights", weights)
    if operands.dtype(0) == "int16":
        if operands.dtype(2) == "int32":
            yield NeededVersion(11, "int16 activations with a 32-bit bias", _present(operands, 2))
        yield NeededVersion(7, "int16 activations", _present(operands, 0))
    if len(operands.inputs) == 2:
        yield NeededVersion(6, "no bias", weights)
    if operands.dtype(0) == "int8":
        yield NeededVersion(4, "int8 activations", _present(operands, 0))


def _transpose_conv(operands: Operands) -> Iterator[NeededVersion]:
    # The image is the third input, the weights the second.
    if operands.dtype(2) == "int16" and operands.dtype(3) == "int32":
        yield NeededVersion(5, "int16 activations with a 32-bit bias", _present(operands, 3))
    if "FusedActivationFunction" in operands.options:
        yield NeededVersion(4, "an activation function fused into it", operands.outputs)
    if operands.input(3) is not None:
        yield NeededVersion(3, "a bias", _present(operands, 3))


def _embedding_lookup(operands: Operands) -> Iterator[NeededVersion]:
    if operands.dtype(1) == "int4":
        yield NeededVersion(4, "int4 weights", _present(operands, 1))
    if operands.is_per_channel(1):
        yield NeededVersion(4, "weights with a scale for each row", _present(operands, 1))


def _mul(operands: Operands) -> Iterator[NeededVersion]:
    first, second = operands.input(0), operands.input(1)
    if first is None or second is None or not operands.outputs:
        return
    if first.dtype == "int16" and not first.scales and not second.scales:
        yield NeededVersion(7, "int16 numbers without a scale", (first,))
    scales = [tensor.scales[0] if tensor.scales else 0.0 for tensor in (first, second, operands.outputs[0])]
    if all(scales) and scales[0] * scales[1] / scales[2] >= 1:
        yield NeededVersion(3, "a product whose scale is above its inputs'", operands.outputs)


def _add(operands: Operands) -> Iterator[NeededVersion]:
    first = operands.input(0)
    if first is not None and first.dtype == "int16" and not first.scales:
        yield NeededVersion(5, "int16 numbers without a scale", (first,))


def _abs(operands: Operands) -> Iterator[NeededVersion]:
    first = operands.input(0)
    if first is not None and first.dtype == "int16" and not first.scales:
        yield NeededVersion(4, "int16 numbers without a scale", (first,))


def _dequantize(operands: Operands) -> Iterator[NeededVersion]:
    if operands.dtype(0) == "int8" and operands.is_per_channel(0):
        yield NeededVersion(5, "a scale for each channel", _present(operands, 0))


def _quantize(operands: Operands) -> Iterator[NeededVersion]:
    if "int4" in (operands.dtype(0), operands.output_dtype()):
        yield NeededVersion(4, "int4 numbers", operands.outputs)
    if operands.outputs and len(operands.outputs[0].scales) > 1:
        yield NeededVersion(3, "a scale for each channel", operands.outputs)
    if operands.output_dtype() == "int16":
        yield NeededVersion(2, "int16 output", operands.outputs)


def _cast(operands: Operands) -> Iterator[NeededVersion]:
    for tensor in (operands.input(0), *operands.outputs[:1]):
        if tensor is not None and tensor.dtype in _CAST:
            yield NeededVersion(_CAST[tensor.dtype], f"the type {tensor.dtype}", (tensor,))


def _strided_slice(operands: Operands) -> Iterator[NeededVersion]:
    if "Offset" in operands.options:
        yield NeededVersion(8, "end indices relative to the begin indices", operands.outputs)
    if operands.options & {"EllipsisMask", "NewAxisMask"}:
        yield NeededVersion(6, "an ellipsis or a new axis", operands.outputs)


def _indices(operands: Operands) -> Iterator[NeededVersion]:
    if operands.dtype(1) == "int16":
        version = 6 if operands.name == "GATHER" else 4
        yield NeededVersion(version, "int16 indices", _present(operands, 1))


def _select(operands: Operands) -> Iterator[NeededVersion]:
    if any(operands.rank(place) == 5 for place in range(3)):
        yield NeededVersion(3, "5 dimensions", _present(operands, 0, 1, 2))


def _blocks(operands: Operands) -> Iterator[NeededVersion]:
    if operands.rank() != 4:
        yield NeededVersion(3, f"{operands.rank()} dimensions", _present(operands, 0))


def _where(operands: Operands) -> Iterator[NeededVersion]:
    if operands.dtype(0) != "bool":
        yield NeededVersion(2, f"{operands.dtype(0)} input", _present(operands, 0))


def _broadcast_to(operands: Operands) -> Iterator[NeededVersion]:
    # Its first version was withdrawn before any release.
    yield NeededVersion(2, "its first version was never released", operands.outputs)


def _recurrent(operands: Operands) -> Iterator[NeededVersion]:
    is_lstm = operands.name.endswith("LSTM") and not operands.name.startswith("BIDIRECTIONAL")
    if is_lstm and operands.dtype(0) == "int16":
        yield NeededVersion(5, "int16 activations", _present(operands, 0))
    if "DiagonalRecurrentTensors" in operands.options:
        yield NeededVersion(4, "diagonal recurrent weights", operands.outputs)
    # The first weights of an LSTM that are never omitted are at index 2.
    weights = 2 if is_lstm else 1
    if operands.is_hybrid(weights):
        version = 3 if operands.name == "LSTM" else 2
        yield NeededVersion(version, "float activations with int8 weights", _present(operands, weights))


def _l2_normalization(operands: Operands) -> Iterator[NeededVersion]:
    if operands.output_dtype() == "int8":
        yield NeededVersion(2, "int8 output", operands.outputs)


def _update_slice(operands: Operands) -> Iterator[NeededVersion]:
    if operands.dtype(2) == "int64":
        yield NeededVersion(2, "int64 indices", _present(operands, 2))


def _present(operands: Operands, *places: int) -> tuple[TensorDescription, ...]:
    return tuple(tensor for tensor in map(operands.input, places) if tensor is not None)


_SPECIAL: dict[str, Callable[[Operands], Iterator[NeededVersion]]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
    "EMBEDDING_LOOKUP": _embedding_lookup,
    "MUL": _mul,
    "ADD": _add,
    "ABS": _abs,
    "DEQUANTIZE": _dequantize,
    "QUANTIZE": _quantize,
    "CAST": _cast,
    "STRIDED_SLICE": _strided_slice,
    "GATHER": _indices,
    "GATHER_ND": _indices,
    "SELECT": _select,
    "SPACE_TO_BATCH_ND": _blocks,
    "BATCH_TO_SPACE_ND": _blocks,
    "WHERE": _where,
    "BROADCAST_TO": _broadcast_to,
    "L2_NORMALIZATION": _l2_normalization,
    "DYNAMIC_UPDATE_SLICE": _update_slice,
    **dict.fromkeys(
        (
            "LSTM",
            "RNN",
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            "UNIDIRECTIONAL_SEQUENCE_RNN",
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            "BIDIRECTIONAL_SEQUENCE_RNN",
        ),
        _recurrent,
    ),
}
