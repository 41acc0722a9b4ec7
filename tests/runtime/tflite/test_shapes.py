from __future__ import annotations

import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.shapes import OpenSizes, check_shapes

Shape = tuple[int, ...]


#: Operators whose second input is integers.
NUMBERED = ("MEAN", "PAD", "RESHAPE", "STRIDED_SLICE", "TILE", "TRANSPOSE")


def tensor(shape: Shape, signature: Shape | None = None, dtype: str = "float32") -> TensorDescription:
    return TensorDescription(0, "", shape, signature or shape, dtype, (), (), 0, 0, False, False)


def numbered(tensors: list[TensorDescription]) -> list[TensorDescription]:
    return [each._replace(index=number) for number, each in enumerate(tensors)]


def open_sizes(
    tensors: list[TensorDescription], unranked: set[int] | None = None, unsigned: set[int] | None = None
) -> OpenSizes:
    return OpenSizes(tensors, unranked or set(), unsigned or set())


def check(
    name: str,
    inputs: list[Shape],
    outputs: list[Shape],
    constant: Shape | None = None,
    dtypes: dict[int, str] | None = None,
) -> None:
    """Check one operator; ``constant`` is the value of its second input, ``dtypes`` lists dtypes other than float32."""
    dtypes = {**({1: "int32"} if name in NUMBERED else {}), **(dtypes or {})}
    numbers = range(len(inputs) + len(outputs))
    operator = OperatorDescription(name, 1, "", tuple(numbers[: len(inputs)]), tuple(numbers[len(inputs) :]))
    tensors = numbered([tensor(shape, dtype=dtypes.get(n, "float32")) for n, shape in enumerate(inputs + outputs)])
    check_shapes("operator 0", operator, tensors, lambda index: constant, open_sizes(tensors))


SOUND = [
    pytest.param("TANH", [(2, 3)], [(2, 3)], None, id="tanh"),
    pytest.param("ADD", [(2, 1, 3), (4, 1)], [(2, 4, 3)], None, id="add-broadcasts"),
    pytest.param("RESHAPE", [(2, 6), (2,)], [(3, 4)], None, id="reshape"),
    pytest.param("CONCATENATION", [(1, 2), (1, 3)], [(1, 5)], None, id="concatenation"),
    pytest.param("SPLIT", [(), (2, 4)], [(2, 2), (2, 2)], None, id="split"),
    pytest.param("UNPACK", [(2, 4)], [(4,), (4,)], None, id="unpack"),
    pytest.param("FULLY_CONNECTED", [(2, 3, 4), (5, 4), (5,)], [(6, 5)], None, id="fully-connected"),
    pytest.param("PAD", [(1, 2), (2, 2)], [(1, 5)], (0, 0, 1, 2), id="pad"),
    pytest.param("TILE", [(1, 2), (2,)], [(3, 4)], (3, 2), id="tile"),
    pytest.param("TRANSPOSE", [(2, 3, 4), (3,)], [(4, 2, 3)], (2, 0, 1), id="transpose"),
    pytest.param("MEAN", [(2, 3, 4), (2,)], [(2,)], (1, -1), id="mean"),
    pytest.param("RESIZE_BILINEAR", [(1, 2, 2, 3), (2,)], [(1, 4, 6, 3)], (4, 6), id="resize"),
    pytest.param("UNIDIRECTIONAL_SEQUENCE_LSTM", [(1, 6, 2)], [(1, 6, 5)], None, id="lstm"),
    pytest.param(
        "TRANSPOSE_CONV", [(4,), (6, 3, 3, 4), (1, 4, 4, 4)], [(1, 8, 8, 6)], (1, 8, 8, 6), id="transpose-conv"
    ),
    pytest.param("SOME_OTHER", [(1,)], [(9,)], None, id="unknown-operators-pass"),
    pytest.param("PAD", [(1, 2), (2, 2)], [(9, 9)], None, id="computed-padding-passes"),
]
UNSOUND = [
    pytest.param(
        "TRANSPOSE_CONV", [(4,), (6, 3, 3, 4), (1, 4, 4, 4)], [(1, 8, 8, 6)], (1, 8, 9, 6), id="transpose-conv"
    ),
    pytest.param("UNIDIRECTIONAL_SEQUENCE_LSTM", [(1, 9, 2)], [(1, 6, 5)], None, id="lstm"),
    pytest.param("TANH", [(2, 3)], [(3, 2)], None, id="tanh"),
    pytest.param("ADD", [(2, 3), (2, 4)], [(2, 4)], None, id="add-does-not-broadcast"),
    pytest.param("RESHAPE", [(2, 6), (2,)], [(3, 5)], None, id="reshape"),
    pytest.param("CONCATENATION", [(1, 2), (1, 3)], [(1, 6)], None, id="concatenation"),
    pytest.param("SPLIT", [(), (2, 4)], [(2, 2), (2, 3)], None, id="split"),
    pytest.param("FULLY_CONNECTED", [(2, 3), (5, 4)], [(2, 5)], None, id="fully-connected-depth"),
    pytest.param("FULLY_CONNECTED", [(2, 4), (5, 4), (4,)], [(2, 5)], None, id="fully-connected-bias"),
    pytest.param("PAD", [(1, 2), (2, 2)], [(1, 3)], (0, 0, 1, 2), id="pad"),
    pytest.param("PAD", [(1, 2), (2, 2)], [(1, 1)], (0, 0, -1, 0), id="negative-padding"),
    pytest.param("TILE", [(1, 2), (2,)], [(3, 5)], (3, 2), id="tile"),
    pytest.param("TRANSPOSE", [(2, 3), (2,)], [(3, 2)], (1, 1), id="transpose-twice-the-same-axis"),
    pytest.param("TRANSPOSE", [(2, 3), (2,)], [(3, 2)], (1, 9), id="transpose-axis-that-is-not-there"),
    pytest.param("MEAN", [(2, 3), (1,)], [(2,)], (5,), id="mean-of-an-axis-that-is-not-there"),
    pytest.param("RESIZE_BILINEAR", [(1, 2, 2, 3), (2,)], [(1, 4, 5, 3)], (4, 6), id="resize"),
]


@pytest.mark.parametrize(("name", "inputs", "outputs", "constant"), SOUND)
def test_sound(name: str, inputs: list[Shape], outputs: list[Shape], constant: Shape | None) -> None:
    check(name, inputs, outputs, constant)


@pytest.mark.parametrize(("name", "inputs", "outputs", "constant"), UNSOUND)
def test_unsound(name: str, inputs: list[Shape], outputs: list[Shape], constant: Shape | None) -> None:
    with pytest.raises(ModelFileError, match=f"operator 0, a {name}, cannot turn"):
        check(name, inputs, outputs, constant)


def test_sizes_that_the_caller_chooses_are_not_judged() -> None:
    operator = OperatorDescription("RESHAPE", 1, "", (0,), (1,))
    free_time = numbered([tensor((1, 1, 4), (-1, -1, 4)), tensor((1, 7), (-1, 7))])
    check_shapes("operator 0", operator, free_time, lambda index: None, open_sizes(free_time))
    # A free batch is stored as 1, and may have been merged with another axis.
    free_batch = numbered([tensor((1, 3, 4), (-1, 3, 4)), tensor((1, 4), (-1, 4))])
    check_shapes("operator 0", operator, free_batch, lambda index: None, open_sizes(free_batch))


@pytest.mark.parametrize(
    ("name", "inputs", "output", "constant"),
    [
        pytest.param("TILE", [((1, 2), (-1, 2)), ((2,), None)], ((1, 4), (-1, 4)), (3, 2), id="tile"),
        pytest.param("PAD", [((1, 2), (-1, 2)), ((2, 2), None)], ((1, 3), (-1, 3)), (2, 0, 1, 0), id="pad"),
        pytest.param("SPLIT", [((), None), ((1, 4), (-1, 4))], ((1, 4), (-1, 4)), None, id="split"),
        pytest.param("ADD", [((1, 4), (-1, 4)), ((3, 4), None)], ((1, 4), (-1, 4)), None, id="add"),
        pytest.param(
            "FULLY_CONNECTED", [((1, 3, 4), (-1, 3, 4)), ((5, 4), None)], ((1, 5), (-1, 5)), None, id="fully-connected"
        ),
    ],
)
def test_an_open_batch_is_stored_as_1_whatever_becomes_of_it(
    name: str, inputs: list[tuple[Shape, Shape | None]], output: tuple[Shape, Shape], constant: Shape | None
) -> None:
    dtypes = {1: "int32"} if name in ("TILE", "PAD") else {}
    shapes = [*inputs, output]
    tensors = numbered(
        [tensor(shape, signature, dtypes.get(n, "float32")) for n, (shape, signature) in enumerate(shapes)]
    )
    numbers = tuple(range(len(inputs)))
    outputs = (len(inputs), len(inputs)) if name == "SPLIT" else (len(inputs),)
    operator = OperatorDescription(name, 1, "", numbers, outputs)
    check_shapes("operator 0", operator, tensors, lambda index: constant, open_sizes(tensors))
    # The sizes after the batch are checked.
    wrong = [*tensors[:-1], tensors[-1]._replace(shape=(1, 9), shape_signature=(-1, 9))]
    if name != "SPLIT":
        with pytest.raises(ModelFileError, match="cannot turn"):
            check_shapes("operator 0", operator, wrong, lambda index: constant, open_sizes(wrong))


def test_a_tensor_of_unknown_rank_is_not_a_scalar() -> None:
    tensors = numbered([tensor(()), tensor(()), tensor(())])
    operator = OperatorDescription("CONCATENATION", 1, "", (0, 1), (2,))
    with pytest.raises(ModelFileError, match="cannot turn"):
        check_shapes("operator 0", operator, tensors, lambda index: None, open_sizes(tensors))
    check_shapes("operator 0", operator, tensors, lambda index: None, open_sizes(tensors, unranked={0, 1, 2}))


def test_tensors_that_a_tool_inserted_inherit_open_sizes() -> None:
    # As litert-quantizer writes it between an operator on floats and one on integers: shape (1, 1), no signature.
    tensors = numbered([tensor((1, 1), (-1, -1)), tensor((1, 1)), tensor((32, 8)), tensor((1, 32))])
    sizes = open_sizes(tensors, unsigned={1, 2, 3})
    dense = OperatorDescription("FULLY_CONNECTED", 1, "", (1, 2), (3,))
    with pytest.raises(ModelFileError, match="cannot turn"):
        check_shapes("operator 1", dense, tensors, lambda index: None, sizes)
    sizes.follow(OperatorDescription("DEQUANTIZE", 1, "", (0,), (1,)))
    check_shapes("operator 1", dense, tensors, lambda index: None, sizes)


@pytest.mark.parametrize(
    ("name", "inputs", "dtypes"),
    [
        # The interpreter copies all bytes of the input, regardless of the output's size.
        pytest.param("RESHAPE", [(2, 2), (1,)], {2: "int8"}, id="reshape-floats-into-bytes"),
        pytest.param("TRANSPOSE", [(2, 2), (2,)], {0: "int8"}, id="transpose-bytes-into-floats"),
        pytest.param("TRANSPOSE", [(2, 2), (2,)], {1: "float32"}, id="transpose-by-floats"),
        pytest.param("PAD", [(2, 2), (2, 2)], {1: "int8"}, id="pad-by-bytes"),
    ],
)
def test_types_that_do_not_fit(name: str, inputs: list[Shape], dtypes: dict[int, str]) -> None:
    with pytest.raises(ModelFileError, match=f"operator 0, a {name}, cannot work on tensors of these types"):
        check(name, inputs, [(2, 2)], dtypes=dtypes)


def test_a_stride_of_0() -> None:
    shapes: list[Shape] = [(4,), (1,), (1,), (1,)]
    check("STRIDED_SLICE", shapes, [(1,)], (1,))
    with pytest.raises(ModelFileError, match="has a stride of 0"):
        check("STRIDED_SLICE", shapes, [(1,)], (0,))
