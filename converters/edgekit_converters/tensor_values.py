"""Reads the values of every tensor of a .tflite while it runs, not only its outputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit_runtime.conversion import Encoder
from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.quantization import QuantizationParams, dequantize
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.tflite.description import TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel


class TensorValues:
    """Runs a .tflite on LiteRT and keeps its intermediate values.

    It runs without delegates, since these do not expose their tensors. Integer results may therefore differ by one step
    from those of XNNPACK.

    Attributes:
        tensors: Tensors of the main graph, by index.
        batch: Number of examples per run; None for any number.
    """

    def __init__(self, model: TfliteModel, *, num_threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        description = model.description
        self.tensors = description.tensors
        self._inputs = model_inputs(description)
        self._encoders = [Encoder(info) for info in self._inputs]
        first_sizes = {info.shape[0] if info.shape else 1 for info in self._inputs}
        self.batch = None if first_sizes == {-1} else max(1, *first_sizes)
        try:
            self._interpreter = Interpreter(
                model_content=model.content,
                num_threads=num_threads,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
        except (ValueError, RuntimeError) as error:
            raise InterpreterError("LiteRT rejects the model.", received=str(error).splitlines()[0]) from error
        self._shapes: list[tuple[int, ...]] = []

    def run(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Run one batch.

        Args:
            inputs: An array (N, …) for each input by name: real values, or the input's own integers.
        Raises:
            InterpreterError: The model cannot run on these shapes.
        """
        arrays = [encode(inputs[info.name]) for encode, info in zip(self._encoders, self._inputs, strict=True)]
        try:
            self._resize([array.shape for array in arrays])
            for info, array in zip(self._inputs, arrays, strict=True):
                self._interpreter.set_tensor(info.index, array)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise InterpreterError(
                "The model cannot be run with all its tensors kept.", received=str(error).splitlines()[0]
            ) from error

    def activations(self) -> list[TensorDescription]:
        """The tensors of real values that the last run computed and that are readable."""
        return [tensor for tensor in self.tensors if _is_activation(tensor) and self._holds(tensor)]

    def real(self, tensor: TensorDescription) -> np.ndarray:
        """Return a tensor's values in the last run as real values; integers without quantization are unchanged."""
        codes: np.ndarray = self._interpreter.get_tensor(tensor.index)
        params = quantization(tensor)
        return codes if params is None else dequantize(codes, params)

    def _holds(self, tensor: TensorDescription) -> bool:
        try:
            self._interpreter.get_tensor(tensor.index)
        except ValueError:
            # The state of a recurrent layer, or a value that a loop only passes through, has no memory of its own.
            return False
        return True

    def _resize(self, shapes: list[tuple[int, ...]]) -> None:
        if shapes == self._shapes:
            return
        for info, shape in zip(self._inputs, shapes, strict=True):
            self._interpreter.resize_tensor_input(info.index, shape)
        self._interpreter.allocate_tensors()
        self._shapes = shapes


def _is_activation(tensor: TensorDescription) -> bool:
    return not tensor.is_constant and (bool(tensor.scales) or tensor.dtype in ("float32", "float16"))


def quantization(tensor: TensorDescription) -> QuantizationParams | None:
    """Quantization parameters of an integer tensor; None if it is not quantized."""
    if not tensor.scales or not tensor.dtype.startswith(("int", "uint")):
        return None
    if len(tensor.scales) == 1:
        return QuantizationParams(np.array(tensor.scales[0]), np.array(tensor.zero_points[0]))
    return QuantizationParams(np.array(tensor.scales), np.array(tensor.zero_points), tensor.quantized_dimension)
