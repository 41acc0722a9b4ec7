"""What a .tflite file holds, as ``edgekit inspect`` and ``python -m edgekit_runtime info`` show it.

Named tuples: making a frozen dataclass takes 0.5 ms, and a process is to start within 7 ms of a bare one.
Annotations are evaluated here and in the other modules with such tuples: as text they take longer.
"""

from typing import Any, NamedTuple


class TensorDescription(NamedTuple):
    """One tensor of a subgraph.

    Attributes:
        index: Its number within the subgraph.
        name: Its name; may be empty.
        shape: Sizes as stored.
        shape_signature: The same with -1 for sizes that the caller chooses.
        dtype: ``float32``, ``int8``, ``int4``, …
        scales: Real value of one step, one number or one a channel; empty where the tensor is not quantized.
        zero_points: The code of 0.0, as many as there are scales.
        quantized_dimension: The axis of the channels.
        size_bytes: Bytes of its constant data in the file, 0 where it has none.
        is_constant: Whether the file holds its values.
        is_variable: Whether it keeps its values from one invoke to the next.
        data_offset: Where in the file its constant data begins.
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
        name: The builtin's name in the schema (``CONV_2D``), or ``CUSTOM``.
        version: The version the file asks for.
        custom_code: The name of a custom operator, else empty.
        inputs: Tensor numbers; -1 for an optional input left out.
        outputs: Tensor numbers.
    """

    name: str
    version: int
    custom_code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class SubgraphDescription(NamedTuple):
    """One graph of operators; the first of a file is the model, others are bodies of its loops and branches.

    Attributes:
        name: Its name; may be empty.
        tensors: All tensors, by number.
        operators: All operators, in the order they run.
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
        key: The signature's own name.
        subgraph: Number of its subgraph.
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
        size_bytes: Size of the file.
        description: The text its maker left in it.
        subgraphs: The first is the model.
        signatures: Named ways to call it; may be empty.
        metadata: Names of the metadata entries.
    """

    size_bytes: int
    description: str
    subgraphs: tuple[SubgraphDescription, ...]
    signatures: tuple[SignatureDescription, ...]
    metadata: tuple[str, ...]

    @property
    def tensors(self) -> tuple[TensorDescription, ...]:
        """The tensors of the model proper, the first subgraph."""
        return self.subgraphs[0].tensors

    @property
    def operators(self) -> tuple[OperatorDescription, ...]:
        """The operators of the model proper, the first subgraph."""
        return self.subgraphs[0].operators

    @property
    def inputs(self) -> tuple[TensorDescription, ...]:
        """The input tensors of the model proper."""
        return tuple(self.tensors[index] for index in self.subgraphs[0].inputs)

    @property
    def outputs(self) -> tuple[TensorDescription, ...]:
        """The output tensors of the model proper."""
        return tuple(self.tensors[index] for index in self.subgraphs[0].outputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts, lists and dicts, for ``--json``."""
        return plain(self)


def plain(value: Any) -> Any:
    """Named tuples as dicts and tuples as lists, all the way down."""
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    return [plain(item) for item in value] if isinstance(value, tuple) else value
