"""litert-quantizer's recipe for each mode."""

from __future__ import annotations

from typing import Any

from edgekit_converters.quantization.modes import IoType, Mode


def recipe_for(mode: Mode, io: IoType) -> list[dict[str, Any]]:
    """The recipe that turns a float32 model into ``mode``.

    Args:
        mode: Any but ``NONE``, which needs no recipe.
        io: float32 keeps inputs and outputs in float; the integer types make them int8.
    """
    from litert_quantizer import quantizer, recipe

    if mode is Mode.FLOAT16:
        return [_float16_weights()]
    if mode is Mode.DYNAMIC:
        return list(recipe.dynamic_wi8_afp32())
    rules = list(recipe.static_wi8_ai8())
    if io is IoType.FLOAT32:
        rules += [_left_in_float(edge, quantizer.AlgorithmName.NO_QUANTIZE) for edge in ("INPUT", "OUTPUT")]
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


def _left_in_float(operation: str, algorithm_key: str) -> dict[str, Any]:
    return {"regex": ".*", "operation": operation, "algorithm_key": algorithm_key}
