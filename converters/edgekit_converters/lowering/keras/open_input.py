"""Models that leave a size of their input open, and need more of it than edgekit makes up."""

from __future__ import annotations

from typing import Any

from edgekit_converters.packaging.golden_inputs import OPEN_SIZE

_LARGEST_SIZE = 1 << 20


def shape_to_try(model: Any) -> tuple[int, ...]:
    """Input sizes, without the batch, with which a Keras model gives an output that is not empty.

    Returns:
        Empty if the made-up size is enough, if the sizes are not open, or if none up to a million is enough.
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
    # Layers refuse inputs that are too small by errors of every kind.
    except Exception:
        return False
    sizes = [size for output in keras.tree.flatten(outputs) for size in output.shape]
    return all(size is None or size > 0 for size in sizes)
