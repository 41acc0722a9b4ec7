from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.profiling.cutting import cut, parts_of
from edgekit_runtime.profiling.operator_times import _example
from edgekit_runtime.tflite.tflite_model import TfliteModel


@pytest.mark.parametrize(
    "name",
    ["cnn_float32", "cnn_int8_io_int8", "many_operators", "embedding_int32", "two_in_two_out", "dense_buffer_offset"],
)
def test_the_parts_one_after_the_other_compute_what_the_whole_computes(name: str, tflite_folder: Path) -> None:
    if name == "dense_buffer_offset" and choose_interpreter().name == "tflite-c":
        pytest.skip("the C library does not read weights behind the FlatBuffer")
    model = TfliteModel((tflite_folder / f"{name}.tflite").read_bytes())
    subgraph = model.description.subgraphs[0]
    choice = choose_interpreter()
    values = {index: _example(subgraph.tensors[index]) for index in subgraph.inputs}
    whole = choice.create(model.source, 1)
    for index, value in values.items():
        whole.set_tensor(index, value)
    whole.invoke()
    for part in parts_of(subgraph):
        interpreter = choice.create(cut(model, part).source, 1)
        for index in part.inputs:
            interpreter.set_tensor(index, values[index])
        interpreter.invoke()
        values.update({index: interpreter.get_tensor(index) for index in part.outputs})
    for index in subgraph.outputs:
        expected = whole.get_tensor(index).astype(np.float32)
        # XNNPACK fuses operators of the whole: an int8 value may be one step off.
        tolerance = 1 if subgraph.tensors[index].dtype == "int8" else 1e-5
        np.testing.assert_allclose(values[index].astype(np.float32), expected, atol=tolerance)


def test_operators_that_compute_shapes_belong_to_their_reader(tflite_folder: Path) -> None:
    subgraph = TfliteModel((tflite_folder / "cnn_float32.tflite").read_bytes()).description.subgraphs[0]
    parts = {subgraph.operators[part.operator].name: part for part in parts_of(subgraph)}
    names = [subgraph.operators[number].name for number in parts["RESHAPE"].operators]
    assert names == ["SHAPE", "STRIDED_SLICE", "PACK", "RESHAPE"]
    assert {"SHAPE", "STRIDED_SLICE", "PACK"}.isdisjoint(parts)
    assert parts["CONV_2D"].operators == (parts["CONV_2D"].operator,)


def test_a_part_is_checked_like_any_file(tflite_folder: Path) -> None:
    model = TfliteModel((tflite_folder / "cnn_float32.tflite").read_bytes())
    part = parts_of(model.description.subgraphs[0])[0]
    with pytest.raises(ModelFileError, match="damaged"):
        cut(model, part._replace(inputs=()))
    with pytest.raises(ModelFileError, match="damaged"):
        cut(model, part._replace(outputs=(9999,)))
