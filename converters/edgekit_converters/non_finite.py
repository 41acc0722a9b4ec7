"""Finds weights that are NaN or infinite, which a diverged training or a damaged file may cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Operators whose constants are trained weights. Elsewhere an infinite constant may be intended, as an attention mask.
_WITH_WEIGHTS = frozenset(
    {
        "CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL",
        "EMBEDDING_LOOKUP", "GATHER", "PRELU", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN",
    }
)  # fmt: skip

_LARGEST = np.finfo(np.float32).max


def describe_non_finite(arrays: Iterable[np.ndarray]) -> str:
    """Count the NaN and infinite values of those arrays that contain any; empty if none does."""
    total = nan = infinite = 0
    for array in arrays:
        if array.dtype.kind != "f":
            continue
        finite = int(np.isfinite(array).sum())
        if finite < array.size:
            total += array.size
            missing = int(np.isnan(array).sum())
            nan, infinite = nan + missing, infinite + array.size - finite - missing
    counts = [f"{count:,} of {total:,} are {kind}" for count, kind in ((nan, "NaN"), (infinite, "infinite")) if count]
    return " and ".join(counts)


def defects_of_constants(model: TfliteModel) -> Iterator[str]:
    """Yield the constants of a float model that contain NaN, and the weights that contain infinity."""
    for graph in model.description.subgraphs:
        weights = {index for operator in graph.operators if operator.name in _WITH_WEIGHTS for index in operator.inputs}
        for tensor in graph.tensors:
            if not tensor.is_constant or tensor.dtype != "float32":
                continue
            values = np.frombuffer(model.content, "<f4", tensor.size_bytes // 4, tensor.data_offset)
            if tensor.index not in weights and not np.isnan(values).any():
                continue
            # TensorFlow's converter stores infinity as the largest float32.
            found = describe_non_finite([np.where(np.abs(values) == _LARGEST, np.inf, values)])
            if found:
                yield f'tensor "{tensor.name}": {found}'
