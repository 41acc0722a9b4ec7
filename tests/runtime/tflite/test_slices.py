from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.flatbuffer import FlatBuffer
from edgekit_runtime.tflite.schema import Model, SubGraph
from edgekit_runtime.tflite.shapes import OpenSizes
from edgekit_runtime.tflite.slices import SLICING, _sliced, check_slice
from edgekit_runtime.tflite.structure import read_model_description

ARCHIVE = Path(__file__).resolve().parent.parent.parent / "data" / "operators" / "operators.tar.xz"
#: Values of the small constants of each case, in the order of the inputs.
CASES = {
    "slice": ((0, 1, 1, 0), (1, 2, -1, 4)),
    # x[:, 1:4:2, ::-1, 1] of (1, 4, 4, 4): the masks omit begin and end of the axes 0 and 2.
    "strided_slice": ((0, 1, 0, 1), (0, 4, 0, 2), (1, 2, -1, 1)),
    "space_to_depth": (),
    "depth_to_space": (),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_another_output_does_not_fit(case: str) -> None:
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile(f"{case}/float32.tflite")
        assert file is not None
        content = file.read()
    description = read_model_description(content)
    (table,) = FlatBuffer(content).root().tables(Model.SUBGRAPHS, "subgraph")
    place = next(number for number, operator in enumerate(description.operators) if operator.name in SLICING)
    operator, entry = description.operators[place], list(table.tables(SubGraph.OPERATORS, "operator"))[place]
    values = dict(zip(operator.inputs[1:], CASES[case]))
    sizes = OpenSizes(description.tensors, unranked=set(), unsigned=set())
    check_slice(entry, operator, description.tensors, values.get, sizes)

    tensors = list(description.tensors)
    output = tensors[operator.outputs[0]]
    tensors[output.index] = output._replace(shape=(*output.shape[:-1], output.shape[-1] + 1))
    with pytest.raises(ModelFileError, match="cannot turn"):
        check_slice(entry, operator, tensors, values.get, sizes)


@pytest.mark.parametrize(("begin", "size"), [((0, 3), (2, 2)), ((-1, 0), (2, 2)), ((0, 0), (2, -2)), ((9, 0), (-1, 4))])
def test_a_slice_beyond_its_input_is_refused(begin: tuple[int, ...], size: tuple[int, ...]) -> None:
    assert _sliced((2, 4), (0, 1), (-1, 3)) == (2, 3)
    assert _sliced((2, 4), begin, size) == (-1,)
