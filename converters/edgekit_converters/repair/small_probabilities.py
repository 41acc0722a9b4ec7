"""Finds softmax layers whose probabilities int8 cannot tell apart: its step is 1/256, whatever the model computes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_converters.repair.channel_statistics import batches
from edgekit_converters.tensor_values import TensorValues
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Step of an int8 softmax, fixed by LiteRT's kernel.
_STEP = 1 / 256
#: Share of the variance of the probabilities that rounding may destroy.
_MOST_NOISE = 0.01


def softmax_below_int8(model: TfliteModel, inputs: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Names of the outputs of softmax layers that need finer steps than those of int8.

    Args:
        model: A float32 model.
        inputs: Examples by input name, (N, …).
    """
    outputs = [operator.outputs[0] for operator in model.description.operators if operator.name == "SOFTMAX"]
    if not outputs:
        return ()
    values = TensorValues(model)
    signal, noise = dict.fromkeys(outputs, 0.0), dict.fromkeys(outputs, 0.0)
    for batch in batches(values, inputs):
        values.run(batch)
        for tensor in outputs:
            probabilities = values.real(values.tensors[tensor])
            signal[tensor] += float(np.square(probabilities - 1 / probabilities.shape[-1]).sum())
            noise[tensor] += float(np.square(probabilities - np.rint(probabilities / _STEP) * _STEP).sum())
    return tuple(values.tensors[tensor].name for tensor in outputs if noise[tensor] > _MOST_NOISE * signal[tensor])
