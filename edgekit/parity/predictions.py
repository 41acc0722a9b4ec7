"""What a model answers, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_runtime.errors import ModelFileError

#: Examples a call: enough to keep both cores busy, few enough to stay out of the way of large pictures.
_BATCH = 256


def keras_predict(model: Any, inputs: np.ndarray) -> np.ndarray:
    """The outputs of a Keras model that is already loaded.

    Args:
        model: ``keras.Model`` with one input and one output.
        inputs: Shape (N, ...), as the model takes them.
    Returns:
        float32 (N, ...).
    """
    return np.asarray(model.predict(inputs, batch_size=_BATCH, verbose=0), np.float32)


def load_keras(path: Path) -> Any:
    """Load a Keras file without running code from it.

    Raises:
        ModelFileError: It has more than one input or output.
        EdgekitError: It is missing, damaged or unsafe.
    """
    from edgekit_converters.keras_files.load import load_keras_model
    from edgekit_converters.quiet_tensorflow import import_quietly

    import_quietly()
    model = load_keras_model(path).model
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelFileError(
            f"{path.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs.",
            expected="one input and one output, as a data set has",
        )
    return model


def reference_predictor(path: Path) -> tuple[tuple[int, ...], str, Callable[[np.ndarray], np.ndarray]]:
    """Load a Keras file or a .tflite as the reference of a comparison.

    Returns:
        The input's shape (batch axis first, -1 where any size will do), its type, and the predicting function.
    """
    if path.suffix == ".tflite":
        import edgekit_runtime

        tflite = edgekit_runtime.load(path)
        return tflite.inputs[0].shape, "float32", lambda inputs: np.asarray(tflite.predict(inputs))
    model = load_keras(path)
    shape = tuple(-1 if size is None else size for size in model.inputs[0].shape)
    return shape, str(model.inputs[0].dtype), lambda inputs: keras_predict(model, inputs)
