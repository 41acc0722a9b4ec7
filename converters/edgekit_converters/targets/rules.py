"""Operators that a target computes wrongly, or crashes on, although it has them in the required version.

Each rule was observed with a real interpreter, and says how; ``tests/integration/test_targets.py`` verifies the rules
with the interpreters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from math import prod

from edgekit_converters.targets.operands import Operands
from edgekit_converters.targets.target import RECORDS
from edgekit_runtime.tflite.description import TensorDescription
from edgekit_runtime.tflite.operator_rules import TENSOR_TYPES

Tensors = tuple[TensorDescription, ...]


class Remedy(str, Enum):
    """What a conversion can do so that a target can run an operator.

    Attributes:
        NONE: Nothing.
        ONE_SCALE: Give its weights one scale in place of one per channel.
        FLOAT: Keep it in float.
    """

    NONE = "none"
    ONE_SCALE = "one scale"
    FLOAT = "float"


@dataclass(frozen=True, slots=True)
class Rule:
    """A defect or limitation of some targets.

    Attributes:
        name: A short name for reports.
        targets: The affected targets.
        find: Returns the tensors of an operator that are affected; none if the rule does not apply.
        reason: What happens, a sentence for the user.
        next_step: What the user can do.
        measured: What it was observed with.
        remedy: What a conversion can do.
    """

    name: str
    targets: tuple[str, ...]
    find: Callable[[Operands], Tensors]
    reason: str
    next_step: str
    measured: str
    remedy: Remedy = Remedy.NONE


_TFLITE_RUNTIME = ("tflite-runtime-2.14", "tflite-runtime-2.5")
_ALL_BUT_MICRO = ("litert", "litert-1.4", "tflite-c-2.17", *_TFLITE_RUNTIME)
_MICRO = ("tflite-micro",)
_WITH_WEIGHTS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL"))
_SMALL_TYPES = frozenset(("int4", "int2", "uint4"))


def rules_for(target: str) -> tuple[Rule, ...]:
    """The rules for one target."""
    return tuple(rule for rule in RULES if target in rule.targets)


def _unknown_types(target: str, first: str) -> Rule:
    names = [name for name, _ in TENSOR_TYPES.values()]
    unknown = frozenset(names[names.index(first) :])
    return Rule(
        name="unknown types",
        targets=(target,),
        find=lambda operands: tuple(tensor for tensor in _all(operands) if tensor.dtype in unknown),
        reason="it does not know the type and rejects the file",
        next_step="convert with --quantize int8 or dynamic for this target",
        measured="'Unsupported data type … in tensor', asked for each type of the schema",
    )


def _open_sizes(operands: Operands) -> Tensors:
    """Outputs whose stored shape is wrong for some batch sizes, if the file leaves sizes dynamic."""
    image, output = operands.input(0), operands.outputs[0] if operands.outputs else None
    if image is None or output is None or -1 not in (*image.shape_signature, *output.shape_signature):
        return ()
    moves_the_batch = operands.name in ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND")
    reshapes_it = operands.name == "RESHAPE" and prod(image.shape) != prod(output.shape)
    return (output,) if moves_the_batch or reshapes_it else ()


def _small_integers(operands: Operands) -> Tensors:
    return tuple(tensor for tensor in _all(operands) if tensor.dtype in _SMALL_TYPES)


def _per_channel_dense(operands: Operands) -> Tensors:
    weights = operands.input(1)
    if operands.name != "FULLY_CONNECTED" or weights is None or len(weights.scales) < 2:
        return ()
    return (weights,)


def _per_channel_dense_without_bias(operands: Operands) -> Tensors:
    has_bias = operands.input(2) is not None
    return () if has_bias or operands.dtype(0) != "int8" else _per_channel_dense(operands)


def _deep_int16_dense(operands: Operands) -> Tensors:
    weights = operands.input(1)
    if operands.name != "FULLY_CONNECTED" or operands.dtype(0) != "int16" or weights is None:
        return ()
    is_deep = any(len(output.shape) > 2 for output in operands.outputs)
    return (weights,) if is_deep and operands.input(2) is not None and len(weights.scales) > 1 else ()


def _hybrid(operands: Operands) -> Tensors:
    """Integer weights that are combined with float activations; a transposed convolution has its image third."""
    image = 2 if operands.name == "TRANSPOSE_CONV" else 0
    weights = operands.input(1)
    if operands.name not in _WITH_WEIGHTS or operands.dtype(image) != "float32" or weights is None:
        return ()
    return (weights,) if weights.dtype.startswith("int") and weights.scales else ()


def _hybrid_transpose_conv(operands: Operands) -> Tensors:
    return _hybrid(operands) if operands.name == "TRANSPOSE_CONV" else ()


def _half_floats(operands: Operands) -> Tensors:
    return tuple(tensor for tensor in _all(operands) if tensor.dtype in ("float16", "bfloat16"))


def _per_channel_dequantize(operands: Operands) -> Tensors:
    codes = operands.input(0)
    return (codes,) if operands.name == "DEQUANTIZE" and codes is not None and len(codes.scales) > 1 else ()


def _split_of_two_types(operands: Operands) -> Tensors:
    """Parts of another type than the whole: litert-quantizer leaves a part that nothing reads in float32."""
    whole = operands.input(1) if operands.name == "SPLIT" else None
    return () if whole is None else tuple(part for part in operands.outputs if part.dtype != whole.dtype)


def _computed_fill(operands: Operands) -> Tensors:
    sizes = operands.input(0)
    return (sizes,) if operands.name == "FILL" and sizes is not None and not sizes.is_constant else ()


def _squared_difference_overflow(operands: Operands) -> Tensors:
    """The condition that the kernel itself checks: its output multiplier must be below 1."""
    if operands.name != "SQUARED_DIFFERENCE" or operands.dtype(0) != "int8" or len(operands.outputs) != 1:
        return ()
    scales = [tensor.scales[0] for tensor in operands.inputs if tensor is not None and tensor.scales]
    output = operands.outputs[0]
    if len(scales) != 2 or not output.scales:
        return ()
    multiplier = (2 * max(scales)) ** 2 / (2**14 * output.scales[0])
    return (output,) if multiplier >= 1 else ()


def _all(operands: Operands) -> Iterator[TensorDescription]:
    yield from (tensor for tensor in operands.inputs if tensor is not None)
    yield from operands.outputs


RULES = (
    *(_unknown_types(each.name, each.first_unknown_type) for each in RECORDS if each.first_unknown_type is not None),
    Rule(
        name="4-bit numbers",
        targets=("tflite-c-2.17", *_TFLITE_RUNTIME),
        find=_small_integers,
        reason="it reads 4-bit weights incorrectly, rejects them or crashes",
        next_step="convert with --quantize int8 or dynamic for this target",
        measured="tflite-runtime 2.14.0: convolutions and LSTMs with int4 weights predict at chance level, "
        "DEQUANTIZE rejects int4; TensorFlow 2.5.3: 'Unsupported data type 17'; C library 2.17.1: a CNN agrees "
        "with LiteRT in 70 % of the classes with XNNPACK and in 11 % without, and memory is damaged",
    ),
    Rule(
        name="per-channel dense weights",
        targets=("tflite-runtime-2.5",),
        find=_per_channel_dense,
        reason="it uses the first scale of per-channel dense weights for all channels and predicts wrongly",
        next_step="convert with --target tflite-runtime-2.5, which gives dense layers one scale",
        measured="TensorFlow 2.5.3: int8 models with per-channel dense weights fall from 92.2 % to 9.8 % top-1",
        remedy=Remedy.ONE_SCALE,
    ),
    Rule(
        name="per-channel dense weights without a bias",
        targets=("tflite-runtime-2.14",),
        find=_per_channel_dense_without_bias,
        reason="on ARM it reads a bias that does not exist, and crashes with several rows or fewer than four channels",
        next_step="convert with --target tflite-runtime-2.14, which gives dense layers one scale",
        measured="tflite-runtime 2.14.0 on emulated aarch64 and armv7l: int8 outputs of (2, 6) and (1, 5, 6) end in a "
        "segmentation fault with per-channel weights, not with one scale nor on x86-64",
        remedy=Remedy.ONE_SCALE,
    ),
    Rule(
        name="per-channel int16 dense layers of more than two dimensions",
        targets=("tflite-runtime-2.14",),
        find=_deep_int16_dense,
        reason="it computes this wrongly: per-channel weights, int16 activations, a bias and more than two dimensions",
        next_step="convert with --target tflite-runtime-2.14, which gives dense layers one scale",
        measured="tflite-runtime 2.14.0: outputs of (1, 5, 6) differ from LiteRT's by twice their range, those of "
        "(5, 6), without a bias or with one scale by nothing; an int16x8 transformer falls from 97.5 % to 57.5 % top-1",
        remedy=Remedy.ONE_SCALE,
    ),
    Rule(
        name="transposed convolution of float activations with integer weights",
        targets=_TFLITE_RUNTIME,
        find=_hybrid_transpose_conv,
        reason="its transposed convolution takes float activations with float weights only",
        next_step="convert with --target for this runtime, which leaves the operator in float",
        measured="tflite-runtime 2.14.0 and TensorFlow 2.5.3: 'weights->type != input->type'",
        remedy=Remedy.FLOAT,
    ),
    Rule(
        name="float activations with integer weights",
        targets=_MICRO,
        find=_hybrid,
        reason="its kernels take float activations with float weights only",
        next_step="convert with --quantize int8 or none for this target",
        measured="tflite-micro 0.dev20261023182759: 'Hybrid models are not supported on TFLite Micro'",
    ),
    Rule(
        name="16-bit floats",
        targets=_MICRO,
        find=_half_floats,
        reason="it has no 16-bit floats",
        next_step="convert with --quantize int8 or none for this target",
        measured="tflite-micro 0.dev20261023182759: DEQUANTIZE of float16 fails to prepare",
    ),
    Rule(
        name="per-channel DEQUANTIZE",
        targets=_MICRO,
        find=_per_channel_dequantize,
        reason="its DEQUANTIZE uses the first scale for all channels and predicts wrongly",
        next_step="convert with --quantize int8 or none for this target",
        measured="tflite-micro 0.dev20261023182759: a weight-only int8 LSTM falls from 86.5 % to 56.5 % top-1",
    ),
    Rule(
        name="open batch",
        targets=_MICRO,
        find=_open_sizes,
        reason="it uses the stored shape as it is, but the file leaves the batch dynamic",
        next_step="convert with --target tflite-micro, which fixes the batch at 1",
        measured="tflite-micro 0.dev20261023182759: a dilated depthwise CNN falls from 85.3 % to 74.8 % top-1",
    ),
    Rule(
        name="computed sizes",
        targets=_MICRO,
        find=_computed_fill,
        reason="its FILL supports constant sizes only",
        next_step="convert with --target tflite-micro, which fixes the batch at 1",
        measured="tflite-micro 0.dev20261023182759: 'Non-constant >dims< tensor is not supported'",
    ),
    Rule(
        name="parts of another type",
        targets=("litert", "litert-1.4", "tflite-c-2.17"),
        find=_split_of_two_types,
        reason="it rejects parts of another type than the whole",
        next_step="convert with --quantize dynamic, which leaves activations in float",
        measured="ai-edge-litert 2.3.0 and the C library 2.17.1: an unrolled int8 LSTM is refused with "
        "'failed to delegate SPLIT'",
        remedy=Remedy.FLOAT,
    ),
    Rule(
        name="int8 SQUARED_DIFFERENCE",
        targets=_ALL_BUT_MICRO,
        find=_squared_difference_overflow,
        reason="its int8 kernel aborts the process if the output's scale is this small compared to the inputs'",
        next_step="convert with edgekit, which leaves this operator in float",
        measured="ai-edge-litert 2.3.0 and 1.4.0, the C library 2.17.1, tflite-runtime 2.14.0, TensorFlow 2.5.3: "
        "with inputs of scale 1 they "
        "run an output of scale 0.000245 and end the process at 0.000243; the limit is (2 · 1)² / 2¹⁴",
    ),
)
