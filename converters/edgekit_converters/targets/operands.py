"""One operator with its tensors, and the few options that determine what it needs from a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True)
class Operands:
    """An operator as the rules for versions and targets see it.

    Attributes:
        subgraph: Index of its graph.
        number: Index among the graph's operators.
        operator: Name, claimed version, tensor indices.
        inputs: Input tensors; None for an omitted optional input.
        outputs: Output tensors.
        options: Names of the options that are set, among those that ``_OptionsReader`` reads.
    """

    subgraph: int
    number: int
    operator: OperatorDescription
    inputs: tuple[TensorDescription | None, ...]
    outputs: tuple[TensorDescription, ...]
    options: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Name of the builtin in the schema, or ``CUSTOM``."""
        return self.operator.name

    def input(self, place: int) -> TensorDescription | None:
        """An input tensor; None if there is none at this index."""
        return self.inputs[place] if place < len(self.inputs) else None

    def dtype(self, place: int) -> str:
        """Type of an input; empty if there is none at this index."""
        tensor = self.input(place)
        return "" if tensor is None else tensor.dtype

    def output_dtype(self, place: int = 0) -> str:
        """Type of an output; empty if there is none at this index."""
        return self.outputs[place].dtype if place < len(self.outputs) else ""

    def rank(self, place: int = 0) -> int:
        """Number of dimensions of an input; 0 if there is none."""
        tensor = self.input(place)
        return 0 if tensor is None else len(tensor.shape)

    def is_per_channel(self, place: int) -> bool:
        """Whether an input has one scale per channel."""
        tensor = self.input(place)
        return tensor is not None and len(tensor.scales) > 1

    def is_hybrid(self, weights: int = 1) -> bool:
        """Whether the operator combines float activations with int8 weights, as in dynamic-range models."""
        return self.dtype(0) == "float32" and self.dtype(weights) == "int8" and self.output_dtype() == "float32"


def all_operands(model: TfliteModel) -> Iterator[Operands]:
    """Yield every operator of every graph of a model.

    Args:
        model: The .tflite.
    """
    options = _OptionsReader(model.content)
    for number, graph in enumerate(model.description.subgraphs):
        for place, operator in enumerate(graph.operators):
            yield Operands(
                number,
                place,
                operator,
                _tensors(operator.inputs, graph.tensors),
                tuple(graph.tensors[index] for index in operator.outputs),
                options.read(number, place, operator.name),
            )


def _tensors(numbers: Sequence[int], tensors: Sequence[TensorDescription]) -> tuple[TensorDescription | None, ...]:
    return tuple(tensors[number] if number >= 0 else None for number in numbers)


class _OptionsReader:
    """Reads options from the file; the parser is imported only for the three operators with options of interest."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, subgraph: int, place: int, name: str) -> frozenset[str]:
        """Names of the options that are set."""
        if name not in _OPTIONS_OF_INTEREST:
            return frozenset()
        from ai_edge_litert import schema_py_generated as schema

        table_class, fields = _OPTIONS_OF_INTEREST[name]
        model = schema.Model.GetRootAs(self._content, 0)
        union = model.Subgraphs(subgraph).Operators(place).BuiltinOptions()
        if union is None:
            return frozenset()
        options = getattr(schema, table_class)()
        options.Init(union.Bytes, union.Pos)
        return frozenset(field for field in fields if getattr(options, field)())


_OPTIONS_OF_INTEREST = {
    "STRIDED_SLICE": ("StridedSliceOptions", ("EllipsisMask", "NewAxisMask", "Offset")),
    "TRANSPOSE_CONV": ("TransposeConvOptions", ("FusedActivationFunction",)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("UnidirectionalSequenceLSTMOptions", ("DiagonalRecurrentTensors",)),
}
