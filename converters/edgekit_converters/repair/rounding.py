"""Rounds weights up or down so that the output of the layer changes least (adaptive rounding).

Rounding each weight to the nearest code is best for the weights and not for what the layer makes of its data, whose
values vary together: errors can cancel. Each weight is rounded so that it makes up for the errors of those before it;
then one after the other is moved to the code on its other side if that lowers the squared error of the output. The mean
error that remains goes into the bias.

Source of the objective: Nagel et al., Up or Down? Adaptive Rounding for Post-Training Quantization (2020); solved here
by coordinate descent on the covariance of the data, without gradients or random numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_converters.repair.graph import EditableGraph
from edgekit_converters.repair.layer_inputs import LayerInputs
from edgekit_converters.repair.layers import replace_weights
from edgekit_converters.repair.weight_codes import WeightCodes, correct_bias, weight_rows
from edgekit_runtime.tflite.tflite_model import TfliteModel

_MOST_SWEEPS = 8
#: Added to the variances, as a share of their mean, so that directions that no example had count as well.
_DAMPING = 0.01


def rounded(model: TfliteModel, inputs: Mapping[int, LayerInputs], codes: WeightCodes) -> TfliteModel:
    """Return the model with weights that are multiples of their scales, rounded for the output of each layer.

    The largest weight of each channel keeps its code, so that the quantizer finds the same scales again.

    Args:
        model: A float32 model.
        inputs: Result of ``measure_layer_inputs`` on this model.
        codes: How weights are quantized.
    """
    graph = EditableGraph(model)
    for layer in codes.layers(graph, inputs):
        rows, moments = weight_rows(layer), inputs[layer.output]
        scales = codes.scales(rows)
        chosen = adaptive_codes(rows, scales, moments.covariance, codes.limits) * scales
        replace_weights(graph, layer, chosen.reshape(layer.weights.shape))
        correct_bias(graph, layer, chosen - rows, moments)
    return graph.model()


def adaptive_codes(rows: np.ndarray, scales: np.ndarray, covariance: np.ndarray, limits: tuple[int, int]) -> np.ndarray:
    """Codes of weights whose error disturbs the output least.

    Args:
        rows: Weights, float64 (O, K).
        scales: float64 (O, 1).
        covariance: Of the values that the weights are multiplied by, float64 (1, K, K) or (O, K, K).
        limits: Smallest and largest code.
    Returns:
        Whole numbers, float64 (O, K), each on one of the two sides of its weight.
    """
    steps = rows / scales
    codes = np.clip(np.rint(steps), *limits)
    is_free = (np.abs(rows) < np.abs(rows).max(1, keepdims=True)) & (steps > limits[0]) & (steps < limits[1])
    variances = np.mean(np.diagonal(covariance, axis1=1, axis2=2), axis=1)
    # A channel without any variance gets some, too.
    damped = covariance + np.maximum(_DAMPING * variances, 1e-12)[:, None, None] * np.eye(rows.shape[1])
    start = _compensated(codes, steps, damped, is_free, limits)
    is_better = _disturbance(start - steps, damped) < _disturbance(codes - steps, damped)
    codes = np.where(is_better[:, None], start, codes)
    for _ in range(_MOST_SWEEPS):
        if not _sweep(codes, steps, damped, is_free):
            break
    return codes


def _compensated(
    nearest: np.ndarray, steps: np.ndarray, covariance: np.ndarray, is_free: np.ndarray, limits: tuple[int, int]
) -> np.ndarray:
    """Round one weight after the other and let the later ones make up for its error, within their two sides.

    Source: Frantar et al., GPTQ (2022), the Cholesky form.
    """
    try:
        factors = np.linalg.cholesky(np.linalg.inv(covariance)).transpose(0, 2, 1)
    except np.linalg.LinAlgError:
        # Values that hardly vary around a large mean leave only rounding errors in their covariance.
        return nearest.copy()
    wanted, codes = steps.copy(), nearest.copy()
    lowest, highest = np.maximum(np.floor(steps), limits[0]), np.minimum(np.ceil(steps), limits[1])
    for place in range(steps.shape[1]):
        chosen = np.clip(np.rint(wanted[:, place]), lowest[:, place], highest[:, place])
        codes[:, place] = np.where(is_free[:, place], chosen, nearest[:, place])
        error = (wanted[:, place] - codes[:, place]) / factors[:, place, place]
        wanted[:, place + 1 :] -= error[:, None] * factors[:, place, place + 1 :]
    return codes


def _disturbance(errors: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Squared error of the output for errors of the weights (O, K), float64 (O,)."""
    products = np.matmul(errors[:, None, :], covariance)[:, 0] if len(covariance) > 1 else errors @ covariance[0]
    return np.asarray((products * errors).sum(1))


def _sweep(codes: np.ndarray, steps: np.ndarray, covariance: np.ndarray, is_free: np.ndarray) -> bool:
    """Move each weight once to its other side where that helps; return whether any was moved."""
    errors = codes - steps
    # Half the slope of the squared error of the output along each weight.
    slopes = np.matmul(errors[:, None, :], covariance)[:, 0] if len(covariance) > 1 else errors @ covariance[0]
    is_changed = False
    for place in range(codes.shape[1]):
        error = codes[:, place] - steps[:, place]
        move = np.where(error > 0, -1.0, 1.0)
        curvature = covariance[:, place, place]
        moved = np.flatnonzero(is_free[:, place] & (error != 0) & (2 * move * slopes[:, place] + curvature < -1e-12))
        if len(moved):
            codes[moved, place] += move[moved]
            of_row = covariance[moved, place] if len(covariance) > 1 else covariance[:, place]
            slopes[moved] += move[moved, None] * of_row
            is_changed = True
    return is_changed
