"""What the TFLite converter says, in a sentence with the layer and the operator."""

from __future__ import annotations

import re

from edgekit_runtime.errors import ConversionError

#: ``'tf.RFFT' op`` in the converter's MLIR message.
_OPERATOR = re.compile(r"'?(tf(?:l)?\.[A-Za-z0-9_]+)'? op")
#: A location such as ``"model/conv_1/Conv2D@__inference_serve_42"``: the layers on the way to the operator.
_PLACE = re.compile(r'"([^"@]+/[^"@]+)@')


def explain(error: Exception, model_name: str) -> ConversionError:
    """Turn the converter's error into one that names layer and operator.

    Args:
        error: What ``TFLiteConverter.convert`` or tracing raised.
        model_name: The model's file name.
    """
    text = str(error)
    operators = sorted(set(_OPERATOR.findall(text)) - {"tf.Module"})
    places = list(dict.fromkeys(_PLACE.findall(text)))
    if not operators:
        return ConversionError(
            f"{model_name} could not be lowered to TFLite.",
            received=next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)[:300],
            next_step="run with --debug for the converter's whole message",
        )
    where = f" in layer {places[0]}" if places else ""
    return ConversionError(
        f"{model_name} uses {', '.join(operators)}{where}, which has no builtin form in TFLite.",
        expected="operators that every interpreter has, without Flex",
        next_step="replace that layer by one made of standard operators, or take it out and run it before the model",
    )
