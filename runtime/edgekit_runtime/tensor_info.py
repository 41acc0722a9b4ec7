"""Describes a model's inputs and outputs for callers."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.quantization import QuantizationParams
from edgekit_runtime.tflite.description import ModelDescription, SignatureDescription, TensorDescription


class TensorInfo(NamedTuple):
    """An input or output of a model.

    Attributes:
        name: Name in the signature if the file has one, else the tensor's own name.
        shape: Sizes, the batch first; -1 for sizes that the caller chooses.
        dtype: The dtype of the tensor in the model.
        quantization: Quantization parameters; ``None`` if the tensor is not quantized.
        index: Number of the tensor in the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    quantization: Optional[QuantizationParams]
    index: int  # type: ignore[assignment]

    @property
    def scale(self) -> float:
        """Real value of one step; 0.0 if the tensor is not quantized."""
        return 0.0 if self.quantization is None else float(self.quantization.scale)

    @property
    def zero_point(self) -> int:
        """The code of real 0.0; 0 if the tensor is not quantized."""
        return 0 if self.quantization is None else int(self.quantization.zero_point)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype.name,
            "scale": self.scale,
            "zero_point": self.zero_point,
            "index": self.index,
        }


def model_inputs(description: ModelDescription) -> tuple[TensorInfo, ...]:
    """The inputs in the file's order, named by the signature."""
    signature = _main_signature(description)
    names = {} if signature is None else {index: name for name, index in signature.inputs}
    return tuple(_tensor_info(tensor, names) for tensor in description.inputs)


def model_outputs(description: ModelDescription) -> tuple[TensorInfo, ...]:
    """The outputs in the file's order, named by the signature."""
    signature = _main_signature(description)
    names = {} if signature is None else {index: name for name, index in signature.outputs}
    return tuple(_tensor_info(tensor, names) for tensor in description.outputs)


def zeros(inputs: Sequence[TensorInfo]) -> dict[str, np.ndarray]:
    """Zeros for each input, in its dtype; sizes that the caller chooses are 1."""
    return {info.name: np.zeros([max(size, 1) for size in info.shape], info.dtype) for info in inputs}


def _main_signature(description: ModelDescription) -> Optional[SignatureDescription]:
    """The first signature of the main subgraph."""
    return next((signature for signature in description.signatures if signature.subgraph == 0), None)


def _tensor_info(tensor: TensorDescription, names: dict[int, str]) -> TensorInfo:
    name = names.get(tensor.index, tensor.name)
    if tensor.dtype == "string":
        raise ModelFileError(
            f"The model's tensor {name!r} is text, but edgekit_runtime only supports numbers.",
            expected="numbers as inputs and outputs",
            received="a tensor of strings",
            next_step="convert a signature that starts after the text is turned into numbers",
        )
    try:
        dtype = np.dtype(tensor.dtype)
    except TypeError:
        raise ModelFileError(
            f"The model's tensor {name!r} has the type {tensor.dtype}, which numpy does not have.",
            next_step="convert the model again with another type for its inputs and outputs",
        ) from None
    quantization = None
    if len(tensor.scales) == 1 and tensor.scales[0] > 0:
        quantization = QuantizationParams(np.array(tensor.scales[0]), np.array(tensor.zero_points[0]))
    return TensorInfo(name, tensor.shape_signature, dtype, quantization, tensor.index)
