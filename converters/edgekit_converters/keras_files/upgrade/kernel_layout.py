"""Converts convolution kernels from the layouts of Theano and of Keras 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit_converters.keras_files.description import Description, Layer

# Indices of the kernels among the layer's arrays; the second kernel of a ConvLSTM2D is convolved as well.
_KERNELS = {
    "Conv1D": (0,),
    "Conv2D": (0,),
    "Conv3D": (0,),
    "Conv2DTranspose": (0,),
    "SeparableConv2D": (0,),
    "DepthwiseConv2D": (0,),
    "ConvLSTM2D": (0, 1),
}


def reorder_keras1_kernels(description: Description) -> bool:
    """Convert the kernels of Keras 1 to (rows, columns, inputs, outputs)."""
    return description.era == 1 and _change_kernels(description, _reorder)


def flip_theano_kernels(description: Description) -> bool:
    """Rotate the kernels of Theano by 180 degrees: Theano convolves, other backends correlate."""
    return description.backend == "theano" and _change_kernels(description, _flip)


def _change_kernels(description: Description, change: Callable[[Layer, np.ndarray], np.ndarray]) -> bool:
    changed = False
    for path, layer in description.layers():
        for weights_path in description.weight_paths(path):
            arrays = description.weights[weights_path]
            for number in _KERNELS.get(layer["class_name"], ()):
                kernel = np.ascontiguousarray(change(layer, arrays[number]))
                changed |= kernel.shape != arrays[number].shape or not np.array_equal(kernel, arrays[number])
                arrays[number] = kernel
    return changed


def _flip(layer: Layer, kernel: np.ndarray) -> np.ndarray:
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def _reorder(layer: Layer, kernel: np.ndarray) -> np.ndarray:
    config = layer["config"]
    channels_first = config.get("data_format") == "channels_first"
    match layer["class_name"]:
        case "Conv1D":
            # (length, 1, inputs, filters), before Keras 1.1 (filters, inputs, length, 1).
            length = np.ravel(config["kernel_size"])[0]
            if kernel.shape[:2] != (length, 1) or kernel.shape[3] != config["filters"]:
                kernel = kernel.transpose(2, 3, 1, 0)
            return kernel[:, 0]
        case "Conv2DTranspose":
            return kernel.transpose(2, 3, 0, 1) if channels_first else kernel.transpose(0, 1, 3, 2)
        case "Conv3D":
            return kernel.transpose(2, 3, 4, 1, 0) if channels_first else kernel
        case _:
            return kernel.transpose(2, 3, 1, 0) if channels_first else kernel
