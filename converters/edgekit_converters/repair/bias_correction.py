"""Corrects biases for the mean error that rounded weights make on the calibration data.

Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction (2019), section 4.2, with
measured instead of derived means.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_converters.repair.graph import EditableGraph
from edgekit_converters.repair.layer_inputs import LayerInputs
from edgekit_converters.repair.weight_codes import WeightCodes, correct_bias, weight_rows
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Share of a scale.
_NOTICEABLE = 1e-3


def bias_corrected(model: TfliteModel, inputs: Mapping[int, LayerInputs], codes: WeightCodes) -> TfliteModel:
    """Return the model with biases that make up for the mean error of weights rounded to the nearest code.

    Args:
        model: A float32 model.
        inputs: Result of ``measure_layer_inputs`` on this model.
        codes: How weights are quantized.
    """
    graph = EditableGraph(model)
    for layer in codes.layers(graph, inputs):
        rows = weight_rows(layer)
        scales = codes.scales(rows)
        nearest = np.clip(np.rint(rows / scales), *codes.limits) * scales
        # Weights that are multiples of their scales already, after adaptive rounding, have rounding errors of float32.
        if np.abs(nearest - rows).max() > _NOTICEABLE * scales.max():
            correct_bias(graph, layer, nearest - rows, inputs[layer.output])
    return graph.model()
