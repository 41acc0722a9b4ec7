"""Lowers a Keras 3 model to a float32 .tflite that uses builtin operators only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from edgekit_converters.keras_files.wrapper_layers import record_of_built
from edgekit_converters.lowering.batch_size import lower_with_batch
from edgekit_converters.lowering.builtin_forms import builtin_forms
from edgekit_converters.lowering.converter_errors import explain
from edgekit_converters.lowering.graph_size import require_bounded_graph
from edgekit_converters.lowering.inputs_and_outputs import with_source_names_and_order
from edgekit_converters.lowering.keras.operation_names import names_in_errors, operations_in_scopes
from edgekit_converters.lowering.keras.signature import argument_names, call_model, input_names, output_names
from edgekit_converters.memory_limits import DEFAULT_MAX_MEMORY
from edgekit_converters.own_models import parse_lowered
from edgekit_runtime.errors import ConversionError, EdgekitError
from edgekit_runtime.tflite.tflite_model import TfliteModel


def lower_keras_model(
    model: Any, *, name: str, fixed_batch: bool = False, max_memory: int = DEFAULT_MAX_MEMORY
) -> tuple[TfliteModel, str]:
    """Lower a built Keras model.

    The signature ``serving_default`` uses the model's own names for inputs and outputs.

    Args:
        model: ``keras.Model`` with known shapes, except for the batch axis.
        name: Name of the model in errors.
        fixed_batch: Fix the batch at 1 even if no layer requires it.
        max_memory: Largest size in bytes of any tensor of the graph.
    Returns:
        The .tflite and its batch size: "dynamic" or "1".
    Raises:
        ModelFileError: A tensor of the graph is larger than ``max_memory``.
        ConversionError: A layer cannot be expressed with TFLite's builtin operators; the message names it.
    """
    recurrent = any(record_of_built(layer).needs_fixed_batch for layer in model._flatten_layers())
    return lower_with_batch(lambda batch: _lower(model, batch, name, max_memory), fixed=recurrent or fixed_batch)


def rescales_pixels(model: Any) -> bool:
    """Whether the first layer that computes something is a ``Rescaling`` or ``Normalization``."""
    # Loading replaces layers that act only in training by Identity.
    passive = ("InputLayer", "Identity", "Resizing", "CenterCrop", "ZeroPadding2D")
    for layer in getattr(model, "operations", model.layers):
        kind = type(layer).__name__
        if kind in ("Sequential", "Functional"):
            return rescales_pixels(layer)
        if kind not in passive:
            return kind in ("Rescaling", "Normalization")
    return False


def run_keras_model(model: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a Keras model once; see :func:`keras_runner`."""
    return keras_runner(model)(inputs)


def keras_runner(model: Any) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function that runs a Keras model that :func:`lower_keras_model` has lowered.

    Run eagerly, Keras keeps the outputs of all layers until the end; a graph frees each after its last use.

    Args:
        model: The ``keras.Model``.
    Returns:
        Computes values (N, ...) by the signature's output names from values (N, ...) by its input names.
    """
    import tensorflow as tf

    graph = tf.function(lambda *tensors: call_model(model, tensors), reduce_retracing=True)
    return lambda inputs: _run(model, graph, inputs)


def _run(model: Any, graph: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    import tensorflow as tf

    tensors = [tf.constant(inputs[name], x.dtype) for name, x in zip(input_names(model), model.inputs, strict=True)]
    named = zip(output_names(model), graph(*tensors), strict=True)
    return {name: np.asarray(value) for name, value in named}


def _lower(model: Any, batch: int | None, name: str, max_memory: int) -> TfliteModel:
    import tensorflow as tf

    module = tf.Module()
    module.variables_of_model = [variable.value for variable in model.variables]
    module.serve = _serving_function(model, batch)
    graph = None
    failures: list[ConversionError] = []
    try:
        with _reshapes_infer_the_batch(), builtin_forms(), operations_in_scopes() as failures:
            concrete = module.serve.get_concrete_function()
        require_bounded_graph(concrete.graph, max_memory, name)
        graph = concrete.graph.as_graph_def()
        lowered = bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert())
    except EdgekitError:
        raise
    except Exception as error:
        # The converter's own error class is not public; tracing raises errors of any type.
        raise (failures or [explain(error, name, graph, names_in_errors(model))])[0] from error
    inputs, outputs = _signature_names(input_names(model)), _signature_names(output_names(model))
    return with_source_names_and_order(parse_lowered(lowered), inputs, outputs)


def _serving_function(model: Any, batch: int | None) -> Any:
    """The model as a function for TensorFlow to trace; TensorFlow sorts its outputs by name."""
    import tensorflow as tf

    arguments = argument_names(input_names(model))
    specs = [
        tf.TensorSpec((batch, *x.shape[1:]), x.dtype, name=name)
        for x, name in zip(model.inputs, arguments, strict=True)
    ]
    results = argument_names(output_names(model))

    def serve(*tensors: Any) -> dict[str, Any]:
        return dict(zip(results, call_model(model, tensors), strict=True))

    return tf.function(serve, input_signature=specs)


def _signature_names(names: list[str]) -> dict[str, str]:
    """Map the names that TensorFlow accepts to the model's own names."""
    return dict(zip(argument_names(names), names, strict=True))


@contextlib.contextmanager
def _reshapes_infer_the_batch() -> Iterator[None]:
    """Write a reshape's unknown batch size as -1 while the block traces a model.

    Keras writes it as a computed tensor, which lowers to SHAPE, STRIDED_SLICE and PACK in front of every flatten.
    These three operators cost time on a device, and an int8 model has to convert to float and back for them.
    """
    from keras.src.backend.tensorflow import numpy as keras_numpy

    original = keras_numpy.reshape

    def reshape(x: Any, newshape: Any) -> Any:
        if isinstance(newshape, (tuple, list)):
            unknown = [place for place, size in enumerate(newshape) if not isinstance(size, int)]
            if len(unknown) == 1 and -1 not in [size for size in newshape if isinstance(size, int)]:
                newshape = [-1 if place in unknown else size for place, size in enumerate(newshape)]
        return original(x, newshape)

    keras_numpy.reshape = reshape
    try:
        yield
    finally:
        keras_numpy.reshape = original
