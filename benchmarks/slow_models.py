"""Five models that are slow for one reason each: ``python benchmarks/slow_models.py FOLDER [--small]`` writes them.

``benchmarks/explain.py`` asks ``edgekit bench --explain`` for the reason of the large ones; small ones are committed in
``tests/data/slow_models``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from made_models import Graph


def outside_xnnpack(side: int) -> bytes:
    """int8 convolutions with HARD_SWISH between them, which XNNPACK does not run in int8."""
    graph = Graph((1, side, side, 16), int8=True, open_batch=False)
    tensor = 0
    for _ in range(2):
        tensor = graph.apply("HARD_SWISH", graph.convolve(tensor, 16, 1))
    return graph.result(graph.convolve(tensor, 16, 1))


def float_islands(side: int) -> bytes:
    """int8 convolutions with an operator in float between them."""
    graph = Graph((1, side, side, 16), int8=True, open_batch=False)
    tensor = 0
    for _ in range(3):
        tensor = graph.convolve(tensor, 16, 1)
        tensor = graph.apply("DEQUANTIZE", tensor, options="DequantizeOptions", activation_dtype="float32")
        tensor = graph.apply("ABS", tensor, options="AbsOptions", activation_dtype="float32")
        tensor = graph.apply("QUANTIZE", tensor, options="QuantizeOptions")
    return graph.result(graph.convolve(tensor, 16, 1))


def per_tensor_weights(side: int) -> bytes:
    """Dynamic-range depthwise convolutions whose int8 weights share one scale."""
    graph = Graph((1, side, side, 16), open_batch=False)
    tensor = 0
    for _ in range(3):
        tensor = graph.convolve_depthwise(graph.convolve(tensor, 16, 1))
        graph.share_one_scale()
    return graph.result(tensor)


def too_many_threads(side: int) -> bytes:
    """Many operators that are too short to be shared by threads."""
    graph = Graph((1, side, side, 8), open_batch=False)
    tensor = 0
    for _ in range(60):
        tensor = graph.convolve(tensor, 8, 1)
    return graph.result(tensor)


def huge_transpose(side: int) -> bytes:
    """A convolution between two permutations of all pixels."""
    graph = Graph((1, 8, side, side), open_batch=False)
    tensor = graph.convolve(graph.transpose(0, (0, 2, 3, 1)), 8, 1)
    return graph.result(graph.transpose(tensor, (0, 3, 1, 2)))


#: Each model with its sides: large enough to be slow, and small enough for a test.
SLOW_MODELS: dict[str, tuple[Callable[[int], bytes], int, int]] = {
    "outside_xnnpack": (outside_xnnpack, 128, 4),
    "float_islands": (float_islands, 192, 4),
    "per_tensor_weights": (per_tensor_weights, 64, 4),
    "too_many_threads": (too_many_threads, 4, 4),
    "huge_transpose": (huge_transpose, 512, 4),
}


def write(folder: Path, *, small: bool) -> dict[str, Path]:
    """Write the models into a folder, and return their paths by name."""
    paths = {name: folder / f"{name}.tflite" for name in SLOW_MODELS}
    for name, (make, side, small_side) in SLOW_MODELS.items():
        paths[name].write_bytes(make(small_side if small else side))
    return paths


if __name__ == "__main__":
    for path in write(Path(sys.argv[1]), small="--small" in sys.argv).values():
        print(path)
