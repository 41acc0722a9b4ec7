"""Converts a SavedModel folder to a float32 .tflite; its graph is scanned before TensorFlow reads any of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgekit_converters.keras_files.input_shape import require_compatible_shape
from edgekit_converters.lowering.batch_size import lower_with_batch
from edgekit_converters.lowering.converter_errors import explain
from edgekit_converters.lowering.graph_size import require_bounded_graph
from edgekit_converters.lowering.inputs_and_outputs import with_source_names_and_order
from edgekit_converters.memory_limits import DEFAULT_MAX_MEMORY
from edgekit_converters.own_models import parse_lowered
from edgekit_converters.saved_models.description import SignatureTensor
from edgekit_converters.saved_models.serving_function import ServingFunction
from edgekit_runtime.errors import EdgekitError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Tensor lists, which recurrent layers fill in a loop, cannot be expressed in TFLite if the batch is dynamic.
_FIXED_BATCH_OPERATORS = frozenset(("TensorListReserve", "EmptyTensorList", "TensorArrayV3"))

#: Shape of an input; None for any size, or for any number of axes.
_Shape = tuple[int | None, ...] | None


class LoadedSavedModel:
    """One signature of a SavedModel, ready to be lowered and to be run.

    Attributes:
        name: Name of the folder, for messages.
        parameters: Number of values in the variables that the signature needs.

    Args:
        folder: The SavedModel.
        signature: Name of its signature; None selects ``serving_default`` or the only one.
        input_shape: Shape without the batch axis, for a model with one input that has dynamic sizes.
        max_memory: Largest size in bytes of any tensor of the graph.
    Raises:
        EdgekitError: As for :class:`ServingFunction`, or the shape is incompatible.
    """

    def __init__(
        self,
        folder: Path,
        *,
        signature: str | None = None,
        input_shape: tuple[int, ...] | None = None,
        max_memory: int = DEFAULT_MAX_MEMORY,
    ) -> None:
        self.name = folder.name
        self._max_memory = max_memory
        self._function = ServingFunction(folder, signature)
        self.parameters = self._function.parameters
        inputs = self._function.signature.inputs
        if input_shape is not None and len(inputs) != 1:
            raise UsageError(
                f"The signature {self._function.signature} has {len(inputs)} inputs; --input-shape fixes one.",
                next_step="save the model with known input shapes",
            )
        self._shapes = {each.name: _shape(each, input_shape) for each in inputs}

    def lower(self, *, fixed_batch: bool = False) -> tuple[TfliteModel, str]:
        """Lower the signature.

        Args:
            fixed_batch: Fix the batch at 1 even if no operator requires it.
        Returns:
            The .tflite and its batch: "dynamic", "1", or "as exported" if the signature has another fixed batch.
        Raises:
            ConversionError: An operator has no builtin form in TFLite.
        """
        if not any(shape is None or shape[:1] == (None,) for shape in self._shapes.values()):
            is_one = all(shape is not None and shape[:1] == (1,) for shape in self._shapes.values())
            return self._lower(None), "1" if is_one else "as exported"
        needs_fixed = bool(_FIXED_BATCH_OPERATORS & self._function.operators)
        return lower_with_batch(self._lower, fixed=fixed_batch or needs_fixed)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the signature in TensorFlow.

        Args:
            inputs: Values (N, ...) by the signature's input names.
        Returns:
            Values (N, ...) by the signature's output names.
        """
        return self._function.run(self._shapes, inputs)

    def _lower(self, batch: int | None) -> TfliteModel:
        import tensorflow as tf

        shapes = {name: _with_batch(shape, batch) for name, shape in self._shapes.items()}
        try:
            concrete, module = self._function.traced(shapes, batch=batch)
            require_bounded_graph(concrete.graph, self._max_memory, self.name)
            lowered = bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert())
        except EdgekitError:
            raise
        except Exception as error:
            # The converter's own error class is not public; tracing raises errors of any type.
            raise explain(error, self.name, self._function.graph) from error
        return with_source_names_and_order(
            parse_lowered(lowered), self._function.input_names, self._function.output_names
        )


def _shape(tensor: SignatureTensor, given: tuple[int, ...] | None) -> _Shape:
    if tensor.shape is None:
        return None if given is None else (None, *given)
    stored = tuple(None if size == -1 else size for size in tensor.shape)
    if given is None:
        return stored
    require_compatible_shape(stored[1:], given)
    return (*stored[:1], *given)


def _with_batch(shape: _Shape, batch: int | None) -> _Shape:
    return (batch, *shape[1:]) if shape and shape[0] is None else shape
