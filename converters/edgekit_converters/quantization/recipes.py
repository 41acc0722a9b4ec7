"""litert-quantizer's recipe for each mode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from edgekit_converters.quantization.modes import IoType, Mode

#: LiteRT's int8 kernel of these aborts the process where the output's scale is small against the inputs', as it is
#: in every layer normalization.
_FLOAT_ONLY_OPERATORS = ("SQUARED_DIFFERENCE",)


def recipe_for(mode: Mode, io: IoType, loop_tensors: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The recipe that turns a float32 model into ``mode``.

    Args:
        mode: Any but ``NONE``, which needs no recipe.
        io: float32 keeps inputs and outputs in float; the integer types make them int8.
        loop_tensors: Names of the tensors inside loops (recurrent layers). What goes round in a loop must keep its
            type, so that ``INT8`` gives loops int8 weights and leaves their activations in float.
    """
    from litert_quantizer import recipe

    if mode is Mode.FLOAT16:
        return [_float16_weights()]
    if mode is Mode.DYNAMIC:
        return list(recipe.dynamic_wi8_afp32())
    rules = list(recipe.static_wi8_ai8())
    rules += [_left_in_float(".*", operator) for operator in _FLOAT_ONLY_OPERATORS]
    if io is IoType.FLOAT32:
        rules += [_left_in_float(".*", edge) for edge in ("INPUT", "OUTPUT")]
    if loop_tensors:
        inside = "|".join(f"^{re.escape(name)}" for name in loop_tensors)
        rules += [_left_in_float(inside, "*"), _dynamic_weights(inside, "FULLY_CONNECTED")]
    return rules


def _float16_weights() -> dict[str, Any]:
    return {
        "regex": ".*",
        "operation": "*",
        "algorithm_key": "float_casting",
        "op_config": {
            "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"},
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
        },
    }


def _dynamic_weights(regex: str, operation: str) -> dict[str, Any]:
    from litert_quantizer import recipe

    (rule,) = recipe.dynamic_wi8_afp32()
    return {**rule, "regex": regex, "operation": operation}


def _left_in_float(regex: str, operation: str) -> dict[str, Any]:
    return {"regex": regex, "operation": operation, "algorithm_key": "no_quantize"}
