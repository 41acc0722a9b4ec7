from __future__ import annotations

from pathlib import Path

import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.inputs.windows import WINDOWED, check_window
from edgekit_runtime.tflite.flatbuffer import FlatBuffer, Table
from edgekit_runtime.tflite.schema import Model, SubGraph
from edgekit_runtime.tflite.shapes import OpenSizes
from edgekit_runtime.tflite.structure import read_model_description


def entries(content: bytes) -> list[Table]:
    (subgraph,) = FlatBuffer(content).root().tables(Model.SUBGRAPHS, "subgraph")
    return list(subgraph.tables(SubGraph.OPERATORS, "operator"))


@pytest.mark.parametrize("name", sorted(set(WINDOWED) - {"MAX_POOL_2D", "L2_POOL_2D"}))
def test_another_height_does_not_fit(name: str, tflite_folder: Path) -> None:
    content = (tflite_folder / "many_operators.tflite").read_bytes()
    description = read_model_description(content)
    place = next(i for i, operator in enumerate(description.operators) if operator.name == name)
    operator, entry = description.operators[place], entries(content)[place]
    sizes = OpenSizes(description.tensors, unranked=set(), unsigned=set())
    check_window(entry, operator, description.tensors, sizes)

    tensors = list(description.tensors)
    output = tensors[operator.outputs[0]]
    batch, height, width, channels = output.shape
    taller = (batch, height + 4, width, channels)
    tensors[output.index] = output._replace(shape=taller, shape_signature=taller)
    with pytest.raises(ModelFileError, match=f"{name} whose output size"):
        check_window(entry, operator, tensors, sizes)
    tensors[output.index] = output._replace(shape=(batch, height, width))
    with pytest.raises(ModelFileError, match="not an image"):
        check_window(entry, operator, tensors, sizes)
