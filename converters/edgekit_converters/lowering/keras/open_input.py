"""Finds a size for models with a dynamic input size that need a larger input than edgekit's default."""

from __future__ import annotations

from typing import Any

from edgekit_converters.packaging.golden_inputs import OPEN_SIZE

_LARGEST_SIZE = 1 << 20


def shape_to_try(model: Any) -> tuple[int, ...]:
    """Find input sizes, without the batch, for which a Keras model returns a non-empty output.

    Returns:
        Empty if the default size is sufficient, if no size is dynamic, or if no size up to a million is sufficient.
    """
    if len(model.inputs) != 1 or None not in model.inputs[0].shape[1:]:
        return ()
    size = OPEN_SIZE
    while size <= _LARGEST_SIZE:
        shape = tuple(size if known is None else known for known in model.inputs[0].shape[1:])
        if _gives_an_output(model, shape):
            return () if size == OPEN_SIZE else shape
        size *= 2
    return ()


def _gives_an_output(model: Any, shape: tuple[int, ...]) -> bool:
    import keras

    try:
        outputs = model.compute_output_spec(keras.KerasTensor((1, *shape), model.inputs[0].dtype))
    # Layers reject inputs that are too small with errors of any type.
    except Exception:
        return False
    sizes = [size for output in keras.tree.flatten(outputs) for size in output.shape]
    return all(size is None or size > 0 for size in sizes)
