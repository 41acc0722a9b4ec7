"""What a target computes wrongly or dies of, though it has the operator in the version that is needed.

Each rule was met with a real interpreter and says how; ``tests/integration/test_targets.py`` holds them against the
interpreters again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edgekit_converters.targets.operands import Operands
from edgekit_runtime.description import TensorDescription

Tensors = tuple[TensorDescription, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A trap of some targets.

    Attributes:
        name: A short name for reports.
        targets: The targets that have it.
        find: The tensors of an operator that meet it; none where it does not apply.
        reason: What happens, a sentence for the user.
        next_step: What to do about it.
        measured: With what it was seen.
    """

    name: str
    targets: tuple[str, ...]
    find: Callable[[Operands], Tensors]
    reason: str
    next_step: str
    measured: str


_TFLITE_RUNTIME = ("tflite-runtime-2.14", "tflite-runtime-2.5")
_ALL_BUT_MICRO = ("litert", "litert-1.4", *_TFLITE_RUNTIME)
_MICRO = ("tflite-micro",)
_WITH_WEIGHTS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL"))
_SMALL_TYPES = frozenset(("int4", "int2", "uint4"))


def rules_for(target: str) -> tuple[Rule, ...]:
    """The rules of one target."""
    return tuple(rule for rule in RULES if target in rule.targets)


def _small_integers(operands: Operands) -> Tensors:
    return tuple(tensor for tensor in _all(operands) if tensor.dtype in _SMALL_TYPES)


def _per_channel_dense(operands: Operands) -> Tensors:
    weights = operands.input(1)
    if operands.name != "FULLY_CONNECTED" or weights is None or len(weights.scales) < 2:
        return ()
    return (weights,)


def _hybrid(operands: Operands) -> Tensors:
    """Weights of integers that meet float activations; a transposed convolution has its image third."""
    image = 2 if operands.name == "TRANSPOSE_CONV" else 0
    weights = operands.input(1)
    is_hybrid = weights is not None and weights.dtype.startswith("int") and bool(weights.scales)
    if operands.name not in _WITH_WEIGHTS | {"TRANSPOSE_CONV"} or operands.dtype(image) != "float32" or not is_hybrid:
        return ()
    return tuple(operands.inputs[1:2])  # type: ignore[return-value]


def _half_floats(operands: Operands) -> Tensors:
    return tuple(tensor for tensor in _all(operands) if tensor.dtype in ("float16", "bfloat16"))


def _per_channel_dequantize(operands: Operands) -> Tensors:
    codes = operands.input(0)
    return (codes,) if operands.name == "DEQUANTIZE" and codes is not None and len(codes.scales) > 1 else ()


def _squared_difference_overflow(operands: Operands) -> Tensors:
    """Condition of the kernel's own check: its output's multiplier must be below 1."""
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
    Rule(
        name="4-bit numbers",
        targets=_TFLITE_RUNTIME,
        find=_small_integers,
        reason="it reads 4-bit weights wrongly, refuses them or dies of them",
        next_step="convert with --quantize int8 or dynamic for this target",
        measured="tflite-runtime 2.14.0: convolutions and LSTMs with int4 weights answer at chance, DEQUANTIZE refuses "
        "int4; TensorFlow 2.5.3: 'Unsupported data type 17'",
    ),
    Rule(
        name="per-channel dense weights",
        targets=("tflite-runtime-2.5",),
        find=_per_channel_dense,
        reason="it takes the first scale of per-channel dense weights for all channels and answers wrongly",
        next_step="convert with --target tflite-runtime-2.5, which gives dense layers one scale",
        measured="TensorFlow 2.5.3: int8 models with per-channel FULLY_CONNECTED weights fall from 92.2 % to 9.8 % top-1",
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
        reason="its DEQUANTIZE takes the first scale for all channels and answers wrongly",
        next_step="convert with --quantize int8 or none for this target",
        measured="tflite-micro 0.dev20261023182759: a weight-only int8 LSTM falls from 86.5 % to 56.5 % top-1",
    ),
    Rule(
        name="int8 SQUARED_DIFFERENCE",
        targets=_ALL_BUT_MICRO,
        find=_squared_difference_overflow,
        reason="its int8 kernel ends the process where the output's scale is this small against the inputs'",
        next_step="convert with edgekit, which leaves this operator in float",
        measured="ai-edge-litert 2.3.0: layer normalization quantized by litert-quantizer's plain int8 recipe aborts",
    ),
)
