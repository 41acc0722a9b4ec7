"""Needed versions; the expected numbers are those that TensorFlow's op_version.cc gives for the same tensors."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgekit_converters.targets.needed_versions import needed_version
from edgekit_converters.targets.operands import Operands

_spec = importlib.util.spec_from_file_location("operand_examples", Path(__file__).parent / "operand_examples.py")
assert _spec is not None and _spec.loader is not None
examples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(examples)
operands, tensor = examples.operands, examples.tensor

FLOAT, INT8, INT16 = tensor("float32"), tensor("int8", scales=[0.1]), tensor("int16", scales=[0.1])
PER_CHANNEL = tensor("int8", (3, 4), [0.1, 0.2, 0.3])
PER_TENSOR = tensor("int8", (3, 4), [0.1])
BIAS, BIAS32, BIAS64 = tensor("float32", (3,)), tensor("int32", (3,)), tensor("int64", (3,))
IMAGE, FILTERS = tensor("float32", (1, 8, 8, 6)), tensor("float32", (4, 3, 3, 6))
INT8_IMAGE, INT16_IMAGE = tensor("int8", (1, 8, 8, 6), [0.1]), tensor("int16", (1, 8, 8, 6), [0.1])
INT8_FILTERS = tensor("int8", (4, 3, 3, 6), [0.1, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(
    ("example", "version"),
    [
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, FLOAT, BIAS], [FLOAT]), 1, id="dense float"),
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, FLOAT], [FLOAT]), 6, id="dense without bias"),
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, PER_TENSOR, BIAS], [FLOAT]), 3, id="dense hybrid per-tensor"),
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, PER_CHANNEL, BIAS], [FLOAT]), 12, id="dense hybrid"),
        pytest.param(operands("FULLY_CONNECTED", [INT8, PER_CHANNEL, BIAS32], [INT8]), 4, id="dense int8"),
        pytest.param(operands("FULLY_CONNECTED", [INT8, tensor("int4"), BIAS32], [INT8]), 10, id="dense int8 int4"),
        pytest.param(operands("FULLY_CONNECTED", [INT16, PER_CHANNEL, BIAS64], [INT16]), 7, id="dense int16"),
        pytest.param(operands("FULLY_CONNECTED", [INT16, PER_CHANNEL, BIAS32], [INT16]), 11, id="dense int16 bias32"),
        pytest.param(operands("FULLY_CONNECTED", [INT16, tensor("int4"), BIAS64], [INT16]), 13, id="dense int16 int4"),
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, tensor("int2"), BIAS], [FLOAT]), 14, id="dense int2"),
        pytest.param(operands("CONV_2D", [IMAGE, FILTERS, BIAS], [IMAGE]), 1, id="convolution float"),
        pytest.param(operands("CONV_2D", [IMAGE, INT8_FILTERS, BIAS], [IMAGE]), 5, id="convolution hybrid"),
        pytest.param(operands("CONV_2D", [INT8_IMAGE, INT8_FILTERS, BIAS32], [INT8_IMAGE]), 3, id="convolution int8"),
        pytest.param(
            operands("CONV_2D", [IMAGE, tensor("float32", (4, 3, 3, 2)), BIAS], [IMAGE]), 6, id="convolution grouped"
        ),
        pytest.param(
            operands("CONV_2D", [INT16_IMAGE, INT8_FILTERS, BIAS32], [INT16_IMAGE]), 8, id="convolution int16 bias32"
        ),
        pytest.param(operands("DEPTHWISE_CONV_2D", [IMAGE, INT8_FILTERS, BIAS], [IMAGE]), 6, id="depthwise hybrid"),
        pytest.param(operands("DEPTHWISE_CONV_2D", [INT16_IMAGE, INT8_FILTERS], [IMAGE]), 5, id="depthwise int16"),
        pytest.param(operands("EMBEDDING_LOOKUP", [tensor("int32"), PER_CHANNEL], [FLOAT]), 4, id="embedding"),
        pytest.param(operands("EMBEDDING_LOOKUP", [tensor("int32"), PER_TENSOR], [FLOAT]), 1, id="embedding one scale"),
        pytest.param(operands("MUL", [INT8, INT8], [tensor("int8", scales=[0.02])]), 2, id="product, small scale"),
        pytest.param(operands("MUL", [INT8, INT8], [tensor("int8", scales=[0.01])]), 3, id="product, large scale"),
        pytest.param(
            operands("MUL", [tensor("int16"), tensor("int16")], [tensor("int16")]), 7, id="plain int16 product"
        ),
        pytest.param(operands("ADD", [tensor("int64"), tensor("int64")], [tensor("int64")]), 4, id="int64 sum"),
        pytest.param(operands("DEQUANTIZE", [PER_CHANNEL], [FLOAT]), 5, id="dequantize per channel"),
        pytest.param(operands("DEQUANTIZE", [tensor("float16")], [FLOAT]), 3, id="dequantize float16"),
        pytest.param(operands("QUANTIZE", [FLOAT], [INT16]), 2, id="quantize to int16"),
        pytest.param(operands("SPLIT", [tensor("int32", ()), INT8], [INT8]), 2, id="split looks at its second input"),
        pytest.param(operands("TRANSPOSE", [tensor("float32", (1,) * 5)], [FLOAT]), 4, id="transpose 5-D"),
        pytest.param(operands("TRANSPOSE", [tensor("float32", (1,) * 6)], [FLOAT]), 6, id="transpose 6-D"),
        pytest.param(
            operands("SUB", [tensor("float32", (2,) * 5), tensor("float32", (1,) * 5)], [FLOAT]), 3, id="broadcast 5-D"
        ),
        pytest.param(operands("CAST", [tensor("int32")], [tensor("float16")]), 5, id="cast to float16"),
        pytest.param(operands("TRANSPOSE_CONV", [BIAS32, FILTERS, IMAGE, BIAS], [IMAGE]), 3, id="deconvolution bias"),
        pytest.param(
            operands("TRANSPOSE_CONV", [BIAS32, FILTERS, IMAGE], [IMAGE], options=["FusedActivationFunction"]),
            4,
            id="deconvolution with activation",
        ),
        pytest.param(operands("STRIDED_SLICE", [FLOAT], [FLOAT], options=["NewAxisMask"]), 6, id="new axis"),
        pytest.param(operands("UNIDIRECTIONAL_SEQUENCE_LSTM", [FLOAT, None, PER_TENSOR], [FLOAT]), 2, id="hybrid LSTM"),
        pytest.param(operands("BIDIRECTIONAL_SEQUENCE_LSTM", [FLOAT, PER_TENSOR], [FLOAT]), 2, id="hybrid both ways"),
        pytest.param(operands("WHERE", [FLOAT], [FLOAT]), 2, id="where of floats"),
        pytest.param(operands("RESHAPE", [INT8], [INT8]), 1, id="an operator of one version"),
    ],
)
def test_version_that_the_tensors_need(example: Operands, version: int) -> None:
    assert needed_version(example).version == version


def test_the_reason_names_the_tensor() -> None:
    needed = needed_version(operands("FULLY_CONNECTED", [FLOAT, PER_CHANNEL, BIAS], [FLOAT]))
    assert needed.reason == "float activations with per-channel int8 weights"
    assert needed.tensors == (PER_CHANNEL,)
