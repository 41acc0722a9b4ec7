"""Describes the content of a .tflite file, for ``edgekit inspect`` and ``python -m edgekit_runtime info``.

The descriptions are named tuples, because defining a frozen dataclass takes 0.5 ms, and the runtime may add at most
7 ms to the start-up time of Python. Modules with named tuples evaluate their annotations, because string annotations
would take longer.
"""

from typing import Any, NamedTuple


class TensorDescription(NamedTuple):
    """One tensor of a subgraph.

    Attributes:
        index: Number of the tensor within the subgraph.
        name: Tensor name; may be empty.
        shape: Sizes as stored in the file.
        shape_signature: The same sizes, but -1 for those that the caller chooses.
        dtype: ``float32``, ``int8``, ``int4``, …
        scales: Real value of one step: one number, or one per channel; empty if the tensor is not quantized.
        zero_points: Code of real 0.0, one per scale.
        quantized_dimension: Axis of the channels.
        size_bytes: Size of the tensor's constant data in the file; 0 if there is none.
        is_constant: Whether the file contains the tensor's values.
        is_variable: Whether the tensor keeps its values from one invoke to the next.
        data_offset: Offset of the constant data in the file.
    """

    index: int  # type: ignore[assignment]
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    size_bytes: int
    is_constant: bool
    is_variable: bool
    data_offset: int = 0


class OperatorDescription(NamedTuple):
    """One operator of a subgraph.

    Attributes:
        name: Name of the builtin operator in the schema (``CONV_2D``), or ``CUSTOM``.
        version: Version that the file requires.
        custom_code: Name of a custom operator, else empty.
        inputs: Tensor numbers; -1 for an omitted optional input.
        outputs: Tensor numbers.
    """

    name: str
    version: int
    custom_code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class SubgraphDescription(NamedTuple):
    """One graph of operators; the first in a file is the main subgraph, others are bodies of loops and branches.

    Attributes:
        name: Subgraph name; may be empty.
        tensors: All tensors, by number.
        operators: All operators, in execution order.
        inputs: Tensor numbers.
        outputs: Tensor numbers.
    """

    name: str
    tensors: tuple[TensorDescription, ...]
    operators: tuple[OperatorDescription, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class SignatureDescription(NamedTuple):
    """Names for the inputs and outputs of a subgraph.

    Attributes:
        key: Name of the signature.
        subgraph: Number of the subgraph.
        inputs: Name and tensor number of each input.
        outputs: Name and tensor number of each output.
    """

    key: str
    subgraph: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


class ModelDescription(NamedTuple):
    """A whole .tflite file.

    Attributes:
        size_bytes: File size in bytes.
        description: Description text stored by the converter.
        subgraphs: All subgraphs; the first is the main subgraph.
        signatures: All signatures; may be empty.
        metadata: Names of the metadata entries.
        weights_behind: Whether constant data is stored behind the FlatBuffer, as in files of more than 2 GB.
    """

    size_bytes: int
    description: str
    subgraphs: tuple[SubgraphDescription, ...]
    signatures: tuple[SignatureDescription, ...]
    metadata: tuple[str, ...]
    weights_behind: bool = False

    @property
    def tensors(self) -> tuple[TensorDescription, ...]:
        """The tensors of the main subgraph."""
        return self.subgraphs[0].tensors

    @property
    def operators(self) -> tuple[OperatorDescription, ...]:
        """The operators of the main subgraph."""
        return self.subgraphs[0].operators

    @property
    def inputs(self) -> tuple[TensorDescription, ...]:
        """The input tensors of the main subgraph."""
        return tuple(self.tensors[index] for index in self.subgraphs[0].inputs)

    @property
    def outputs(self) -> tuple[TensorDescription, ...]:
        """The output tensors of the main subgraph."""
        return tuple(self.tensors[index] for index in self.subgraphs[0].outputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, for ``--json``."""
        return plain(self)


def plain(value: Any) -> Any:
    """Convert named tuples to dicts and tuples to lists, recursively."""
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value
