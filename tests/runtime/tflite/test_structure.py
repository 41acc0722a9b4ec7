from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.schema import BUILTIN_OPERATORS, TensorType
from edgekit_runtime.tflite.structure import read_model_description

FLOAT32 = TensorType.FLOAT32
INT32 = TensorType.INT32
RESHAPE = BUILTIN_OPERATORS.index("RESHAPE")


def load_writer() -> Any:
    """Import ``flatbuffer_writer.py`` by its path, because test folders are not packages."""
    import importlib.util

    path = Path(__file__).parents[1] / "flatbuffer_writer.py"
    spec = importlib.util.spec_from_file_location("flatbuffer_writer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


write = load_writer().write


def model(**changes: Any) -> bytes:
    """A model with one RELU from tensor 0 to tensor 1, some parts of which are replaced by ``changes``."""
    parts: dict[str, Any] = {
        "version": 3,
        "operator_code": {0: 19, 2: 1, 3: 19},
        "operator": {0: 0, 1: [0], 2: [1]},
        "operators": None,
        "input_tensor": {0: [2, 3], 1: FLOAT32, 2: 0, 3: "in"},
        "output_tensor": {0: [2, 3], 1: FLOAT32, 2: 0, 3: "out"},
        "more_tensors": [],
        "inputs": [0],
        "outputs": [1],
        "buffers": [{}],
        "more_subgraphs": [],
        "signatures": [],
        "metadata": [],
    }
    assert set(changes) <= set(parts)
    parts.update(changes)
    tensors = [parts["input_tensor"], parts["output_tensor"], *parts["more_tensors"]]
    operators = parts["operators"] or [parts["operator"]]
    subgraph = {0: tensors, 1: parts["inputs"], 2: parts["outputs"], 3: operators, 4: "main"}
    tables = {
        0: parts["version"],
        1: [parts["operator_code"]],
        2: [subgraph, *parts["more_subgraphs"]],
        3: "by hand",
        4: parts["buffers"],
        6: parts["metadata"],
        7: parts["signatures"],
    }
    content: bytes = write({field: value for field, value in tables.items() if value != []})
    return content


def test_names_and_shapes() -> None:
    description = read_model_description(
        model(
            input_tensor={0: [1, 3], 1: FLOAT32, 2: 0, 3: "in", 7: [-1, 3]},
            output_tensor={0: [1, 3], 1: FLOAT32, 2: 0, 3: "out", 7: [-1, 3]},
            signatures=[{0: [{0: "x", 1: 0}], 1: [{0: "y", 1: 1}], 2: "serve", 4: 0}],
            metadata=[{0: "author", 1: 0}],
        )
    )
    assert [(t.name, t.shape, t.shape_signature, t.dtype) for t in description.tensors] == [
        ("in", (1, 3), (-1, 3), "float32"),
        ("out", (1, 3), (-1, 3), "float32"),
    ]
    assert [(o.name, o.version, o.inputs, o.outputs) for o in description.operators] == [("RELU", 1, (0,), (1,))]
    assert description.signatures[0].inputs == (("x", 0),)
    assert description.signatures[0].key == "serve"
    assert description.metadata == ("author",)
    assert description.description == "by hand"


def test_fixture_of_the_converter(tflite_folder: Path) -> None:
    content = (tflite_folder / "cnn_int8_io_int8.tflite").read_bytes()
    description = read_model_description(content)
    assert description.size_bytes == len(content)
    assert [operator.name for operator in description.operators] == [
        *("CONV_2D", "MAX_POOL_2D", "SHAPE", "STRIDED_SLICE", "PACK", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX")
    ]
    (image,) = description.inputs
    assert (image.dtype, image.shape_signature, image.zero_points) == ("int8", (-1, 12, 12, 1), (-128,))
    assert image.scales[0] == pytest.approx(1 / 255)
    kernel = next(t for t in description.tensors if t.shape == (8, 3, 3, 1))
    assert kernel.is_constant
    assert kernel.size_bytes == 72
    assert len(kernel.scales) == 8
    assert kernel.quantized_dimension == 0
    assert description.to_dict()["subgraphs"][0]["operators"][0]["name"] == "CONV_2D"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent.parent.parent / "data" / "tflite").glob("*.tflite")), ids=lambda p: p.stem
)
def test_every_converted_model_is_sound(path: Path, reads_tiny_scales: bool) -> None:
    if path.stem == "lstm_int16" and not reads_tiny_scales:
        pytest.skip("this processor takes the scale of a state, 3.6e-43, for 0, and the runtime refuses the model")
    content = path.read_bytes()
    assert read_model_description(content) == read_model_description(content)
    # An appended zip is not part of the FlatBuffer.
    appended = read_model_description(content + bytes(100) + b"PK\x05\x06" + bytes(18))
    assert appended.subgraphs == read_model_description(content).subgraphs


def test_buffers_behind_the_flatbuffer(tflite_folder: Path) -> None:
    inside = read_model_description((tflite_folder / "dense_float32.tflite").read_bytes())
    outside = read_model_description((tflite_folder / "dense_buffer_offset.tflite").read_bytes())
    assert [t.size_bytes for t in outside.tensors] == [t.size_bytes for t in inside.tensors]
    content = (tflite_folder / "dense_buffer_offset.tflite").read_bytes()
    with pytest.raises(ModelFileError, match="340 unknown bytes follow its weights"):
        read_model_description(content + bytes(300))
    # The last weights end at byte 1352.
    with pytest.raises(ModelFileError, match="outside the file"):
        read_model_description(content[:1350])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x1c\0\0\0TFL", id="seven-bytes"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(1000), id="hdf5"),
        pytest.param(b"PK\3\4" + bytes(1000), id="zip"),
        pytest.param(bytes(1000), id="zeros"),
    ],
)
def test_foreign_files(content: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"not a \.tflite file"):
        read_model_description(content)


CONV_OPTIONS = {0: 1, 1: 1, 2: 1}
IMAGE = {0: [1, 4, 4, 1], 1: FLOAT32, 2: 0}
FILTERS = {0: [1, 3, 3, 1], 1: FLOAT32, 2: 0}
FEATURES = {0: [1, 2, 2, 1], 1: FLOAT32, 2: 0}
CONVOLUTION = {
    "operator_code": {0: 3, 2: 1, 3: 3},
    "operator": {0: 0, 1: [0, 2], 2: [1], 3: 1, 4: CONV_OPTIONS},
    "input_tensor": IMAGE,
    "output_tensor": FEATURES,
    "more_tensors": [FILTERS],
    "inputs": [0, 2],
}


DEPTHWISE = {
    "operator_code": {0: 4, 2: 1, 3: 4},
    "operator": {0: 0, 1: [0, 2, 3], 2: [1], 3: 2, 4: {1: 1, 2: 1, 0: 1}},
    "input_tensor": IMAGE,
    "output_tensor": FEATURES,
    "more_tensors": [FILTERS, {0: [1], 1: FLOAT32, 2: 0}],
    "inputs": [0, 2, 3],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"version": 2}, "schema version is 2", id="version"),
        pytest.param({"operator_code": {3: 500, 2: 1}}, "operator 500", id="unknown-operator"),
        pytest.param({"operator_code": {3: 19, 2: -1}}, "version -1", id="operator-version"),
        pytest.param({"operator": {0: 1, 1: [0], 2: [1]}}, "operator code 1 of 1", id="operator-code-index"),
        pytest.param({"operator": {0: 0, 1: [2], 2: [1]}}, "tensor that does not exist", id="input-index"),
        pytest.param({"operator": {0: 0, 1: [0], 2: [-1]}}, "tensor that does not exist", id="output-index"),
        pytest.param({"operator": {0: 0, 1: [-1], 2: [1]}}, "without its input 0", id="input-left-out"),
        pytest.param({"operator": {0: 0, 1: [1], 2: [1]}}, "has not been written", id="reads-before-writing"),
        pytest.param({"inputs": [7]}, "tensor that does not exist", id="graph-input"),
        pytest.param({"outputs": [7]}, "tensor that does not exist", id="graph-output"),
        pytest.param({"outputs": []}, "no inputs or no outputs", id="no-outputs"),
        pytest.param({"input_tensor": {0: [2, -3]}}, "impossible shape", id="negative-size"),
        pytest.param({"input_tensor": {0: [1] * 9}}, "impossible shape", id="nine-dimensions"),
        pytest.param({"input_tensor": {0: [2, 3], 7: [-1]}}, "impossible shape", id="signature-of-other-rank"),
        pytest.param({"input_tensor": {0: [2, 3], 7: [-1, 4]}}, "impossible shape", id="signature-of-other-size"),
        pytest.param({"input_tensor": {0: [70000, 70000]}}, "would take 19600000000 bytes", id="huge"),
        pytest.param({"input_tensor": {0: [2, 3], 1: 99}}, "unknown type 99", id="type"),
        pytest.param({"input_tensor": {0: [2, 3], 2: 5}}, "buffer 5 of 1", id="buffer-index"),
        pytest.param({"buffers": [{0: b"1234"}]}, "needs 24 bytes and its buffer holds 4", id="buffer-size"),
        pytest.param({"output_tensor": {0: [3, 2]}}, "cannot turn", id="relu-changes-the-shape"),
        pytest.param(
            {"output_tensor": {0: [6], 1: FLOAT32, 2: 1}, "buffers": [{}, {0: bytes(24)}]},
            "cannot turn|already has a value",
            id="writes-into-a-constant",
        ),
        pytest.param({"operator": {0: 0, 1: [0], 2: [0]}}, "already has a value", id="writes-into-an-input"),
        pytest.param({"operator": {0: 0, 1: [], 2: [1]}}, "RELU with 0 inputs", id="no-input"),
        pytest.param({"operator": {0: 0, 1: [0], 2: []}}, "RELU without an output", id="no-output-of-one-input"),
        pytest.param(
            {"input_tensor": {0: [2, 3], 4: {2: [0x7FC00000]}}}, "as many zero points", id="scale-without-zero-point"
        ),
        pytest.param({"signatures": [{0: [{0: "x", 1: 9}], 2: "s"}]}, "tensor 9 of 2", id="signature-tensor"),
        pytest.param({"signatures": [{2: "s", 4: 3}]}, "subgraph 3 of 1", id="signature-subgraph"),
        pytest.param({"metadata": [{0: "m", 1: 8}]}, "buffer 8 of 1", id="metadata-buffer"),
        pytest.param(
            {"operator": {0: 0, 1: [0], 2: [1], 3: 17, 4: {}}, "operator_code": {3: 22, 2: 1}},
            None,
            id="sound-reshape",
        ),
        pytest.param(
            {"operator": {0: 0, 1: [0], 2: [1], 3: 1, 4: {}}, "operator_code": {3: 22, 2: 1}},
            "options of another operator",
            id="foreign-options",
        ),
        pytest.param({"operator_code": {3: 119, 2: 1}}, "without its options", id="while-without-options"),
        pytest.param(
            {"operator_code": {3: 119, 2: 1}, "operator": {0: 0, 1: [0], 2: [1], 3: 93, 4: {0: 1, 1: 5}}},
            "calls a subgraph that does not exist",
            id="while-without-a-body",
        ),
        pytest.param(
            {"operator_code": {3: 0, 2: 1}, "operator": {0: 0, 1: [0, 0], 2: []}}, "without an output", id="no-output"
        ),
        pytest.param(
            {"operator_code": {3: 44, 2: 1}, "operator": {0: 0, 1: [0, -1, *[0] * 18], 2: [1]}},
            "part of its input gate",
            id="lstm-gate",
        ),
        pytest.param({"operator_code": {3: 45, 2: 1}}, "STRIDED_SLICE with 1 inputs", id="too-few-inputs"),
        pytest.param(
            {"operator_code": {3: 49, 2: 1}, "operator": {0: 0, 1: [0, 0], 2: [1], 3: 35, 4: {0: 2}}},
            "a number of outputs that differs",
            id="split-count",
        ),
        pytest.param(CONVOLUTION, None, id="sound-convolution"),
        pytest.param(
            {**CONVOLUTION, "operator": {0: 0, 1: [0, 2], 2: [1], 3: 1, 4: {0: 1, 2: 1}}},
            "stride, filter or dilation below 1",
            id="stride-left-out",
        ),
        pytest.param(
            {
                **CONVOLUTION,
                "operator_code": {3: 4, 2: 1},
                "operator": {0: 0, 1: [0, 2], 2: [1], 3: 2, 4: {0: 1, 1: 1, 2: 1, 3: 1}},
            },
            "DEPTHWISE_CONV_2D with 2 inputs",
            id="depthwise-without-bias",
        ),
        pytest.param(
            {**DEPTHWISE, "operator": {0: 0, 1: [0, 2, 3], 2: [1], 3: 2, 4: {0: 1, 1: 1, 2: 1, 3: 130}}},
            "filters of shape",
            id="depth-multiplier-that-the-filters-do-not-have",
        ),
        pytest.param(DEPTHWISE, None, id="depth-multiplier-left-to-the-shapes"),
        pytest.param({**CONVOLUTION, "output_tensor": IMAGE}, "does not follow from", id="convolution-output"),
        pytest.param(
            {**CONVOLUTION, "more_tensors": [{0: [1, 3, 3, 2], 1: FLOAT32, 2: 0}]}, "filters of shape", id="channels"
        ),
        pytest.param(
            {**CONVOLUTION, "more_tensors": [{0: [1, 3, 3, 0], 1: FLOAT32, 2: 0}]}, "without filters", id="no-filter"
        ),
    ],
)
def test_structure_is_checked(changes: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert len(read_model_description(model(**changes)).operators) == 1
        return
    with pytest.raises(ModelFileError, match=message):
        read_model_description(model(**changes))


def test_a_constant_without_elements_needs_no_writer() -> None:
    # A RESHAPE to a scalar: its shape does not have any elements, and the buffer is empty.
    shape = {0: [0], 1: INT32, 2: 1}
    content = model(
        operator_code={0: RESHAPE, 2: 1, 3: RESHAPE},
        operator={0: 0, 1: [0, 2], 2: [1]},
        input_tensor={0: [1, 1], 1: FLOAT32, 2: 0},
        output_tensor={1: FLOAT32, 2: 0},
        more_tensors=[shape],
        buffers=[{}, {0: b""}],
    )
    assert read_model_description(content).tensors[2].shape == (0,)
    # A tensor with elements must be written.
    with pytest.raises(ModelFileError, match="has not been written"):
        read_model_description(model(operator={0: 0, 1: [2], 2: [1]}, more_tensors=[{0: [2, 3], 2: 0}]))


@pytest.mark.parametrize("has_rank", [True, False])
def test_a_shape_of_no_sizes_is_a_scalar_only_with_a_rank(has_rank: bool) -> None:
    rank = {8: 1} if has_rank else {}
    content = model(
        operator={0: 0, 1: [2], 2: [1]},
        operators=[{0: 0, 1: [0], 2: [2]}, {0: 0, 1: [2], 2: [1]}],
        more_tensors=[{1: FLOAT32, 2: 0, **rank}],
    )
    if has_rank:
        with pytest.raises(ModelFileError, match="cannot turn"):
            read_model_description(content)
    else:
        assert read_model_description(content).tensors[2].shape == ()


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -1 / 16])
def test_impossible_scales_are_refused(scale: float, tflite_folder: Path) -> None:
    content = (tflite_folder / "quantize_only.tflite").read_bytes()
    stored = struct.pack("<f", 1 / 16)
    assert stored in content
    with pytest.raises(ModelFileError, match="impossible scale"):
        read_model_description(content.replace(stored, struct.pack("<f", scale)))


def test_a_loop_that_is_its_own_body_is_refused() -> None:
    loop = {0: 0, 1: [0], 2: [1], 3: 93, 4: {0: 1, 1: 1}}
    body = {0: [{0: [2, 3]}, {0: [2, 3]}], 1: [0], 2: [1], 3: [loop]}
    code = {3: 119, 2: 1}
    sound_body = {0: [{0: [2, 3]}], 1: [0], 2: [0], 3: []}
    sound = read_model_description(model(operator_code=code, operator=loop, more_subgraphs=[sound_body]))
    assert len(sound.subgraphs) == 2
    with pytest.raises(ModelFileError, match="circle"):
        read_model_description(model(operator_code=code, operator=loop, more_subgraphs=[body]))


@pytest.mark.parametrize("offset", [2, 100, 10**6, 2**32 - 1])
def test_large_options_of_an_operator_lie_in_the_flatbuffer(offset: int) -> None:
    """The offset is relative to the start of the file, like that of large buffers."""
    # Every field of the writer takes four bytes, so the next field is the upper half of an 8-byte field.
    operator = {0: 0, 1: [0], 2: [1], 9: offset, 10: 0, 11: 0}
    content = model(operator=operator)
    if offset < len(content):
        read_model_description(content)
        return
    with pytest.raises(ModelFileError, match="data outside the file's FlatBuffer"):
        read_model_description(content)
