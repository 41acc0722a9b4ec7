"""Models against targets, on files of the TensorFlow converter and operators made by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from edgekit_converters.targets.check import TargetCheck, _findings, check_targets
from edgekit_converters.targets.operands import Operands
from edgekit_converters.targets.rules import RULES
from edgekit_converters.targets.target import find_target, target_names
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

FIXTURES = Path(__file__).resolve().parents[2] / "data" / "tflite"
_spec = importlib.util.spec_from_file_location("operand_examples", Path(__file__).parent / "operand_examples.py")
assert _spec is not None and _spec.loader is not None
examples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(examples)
operands, tensor = examples.operands, examples.tensor

FLOAT = tensor("float32")
PER_TENSOR = tensor("int8", scales=[0.1])
PER_CHANNEL = tensor("int8", (3, 4), [0.1, 0.2, 0.3])


def check(file: str, target: str) -> TargetCheck:
    (result,) = check_targets(TfliteModel((FIXTURES / file).read_bytes()), [target])
    return result


@pytest.mark.parametrize("target", target_names())
def test_a_float_cnn_runs_everywhere(target: str) -> None:
    assert check("cnn_float32.tflite", target).runs


def test_a_dynamic_range_model_is_refused_where_dense_layers_know_one_scale() -> None:
    assert check("cnn_dynamic.tflite", "litert").runs
    result = check("cnn_dynamic.tflite", "tflite-runtime-2.14")
    assert not result.runs
    (finding,) = result.findings
    assert (finding.operator, finding.needed, finding.available) == ("FULLY_CONNECTED", 12, 10)
    assert "per-channel int8 weights" in finding.problem
    assert finding.tensors
    assert result.to_dict()["findings"][0]["operator"] == "FULLY_CONNECTED"


def test_what_is_needed_counts_where_the_file_claims_less() -> None:
    """The version in the file is lowered to 1: an interpreter would load it and answer wrongly."""
    from ai_edge_litert.tools import flatbuffer_utils

    content = bytearray((FIXTURES / "cnn_dynamic.tflite").read_bytes())
    model = flatbuffer_utils.read_model_from_bytearray(content)
    for code in model.operatorCodes:
        code.version = 1
    (result,) = check_targets(
        TfliteModel(bytes(flatbuffer_utils.convert_object_to_bytearray(model))), ["tflite-runtime-2.14"]
    )
    assert [finding.needed for finding in result.findings] == [12]


def test_a_claim_above_the_need_counts_too() -> None:
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray((FIXTURES / "cnn_float32.tflite").read_bytes()))
    for code in model.operatorCodes:
        code.version = 15
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    litert, micro = check_targets(TfliteModel(content), ["litert", "tflite-micro"])
    assert {finding.needed for finding in litert.findings} == {15}
    assert "which the file asks for" in litert.findings[0].problem
    # tflite-micro does not look at versions.
    assert micro.runs


def test_several_targets_keep_their_order() -> None:
    model = TfliteModel((FIXTURES / "cnn_int8_io_int8.tflite").read_bytes())
    assert [c.target for c in check_targets(model, ["tflite-micro", "litert"])] == ["tflite-micro", "litert"]


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(UsageError):
        check_targets(TfliteModel((FIXTURES / "cnn_float32.tflite").read_bytes()), ["tflite"])


@pytest.mark.parametrize(
    ("target", "name", "dtype", "runs"),
    [
        ("litert", "SQUARED_DIFFERENCE", "int16", False),
        ("litert", "SQUARED_DIFFERENCE", "int32", True),
        ("tflite-runtime-2.14", "NEG", "int8", False),
        ("tflite-micro", "SELECT_V2", "int32", False),
        ("tflite-micro", "SPLIT", "int16", True),
        # Nobody asked for this type.
        ("litert", "ABS", "complex64", True),
    ],
    ids=lambda value: str(value),
)
def test_types_that_the_kernels_take(target: str, name: str, dtype: str, runs: bool) -> None:
    value = tensor(dtype, scales=[0.1])
    leading = {"SPLIT": [tensor("int32", ())], "SELECT_V2": [tensor("bool")]}.get(name, [])
    found = _findings([operands(name, [*leading, value], [value])], find_target(target))
    assert [finding.operator for finding in found] == ([] if runs else [name])


@pytest.mark.parametrize(
    ("rule", "example"),
    [
        pytest.param("4-bit numbers", operands("FULLY_CONNECTED", [FLOAT, tensor("int4")], [FLOAT]), id="4-bit"),
        pytest.param(
            "per-channel dense weights", operands("FULLY_CONNECTED", [FLOAT, PER_CHANNEL], [FLOAT]), id="dense"
        ),
        pytest.param(
            "per-channel dense weights without a bias",
            operands("FULLY_CONNECTED", [tensor("int8", scales=[0.1]), PER_CHANNEL, None], [PER_TENSOR]),
            id="dense without a bias",
        ),
        pytest.param(
            "per-channel int16 dense layers of more than two dimensions",
            operands(
                "FULLY_CONNECTED",
                [tensor("int16", (1, 5, 4), [0.1]), PER_CHANNEL, tensor("int64", (3,))],
                [tensor("int16", (1, 5, 3), [0.1])],
            ),
            id="int16 dense",
        ),
        pytest.param(
            "transposed convolution of float activations with integer weights",
            operands("TRANSPOSE_CONV", [tensor("int32"), PER_CHANNEL, FLOAT], [FLOAT]),
            id="transposed convolution",
        ),
        pytest.param(
            "float activations with integer weights",
            operands("CONV_2D", [tensor("float32", (1, 4, 4, 2)), PER_CHANNEL], [FLOAT]),
            id="hybrid",
        ),
        pytest.param("16-bit floats", operands("DEQUANTIZE", [tensor("float16")], [FLOAT]), id="float16"),
        pytest.param("per-channel DEQUANTIZE", operands("DEQUANTIZE", [PER_CHANNEL], [FLOAT]), id="dequantize"),
        pytest.param("unknown types", operands("CAST", [FLOAT], [tensor("bfloat16")]), id="bfloat16"),
        pytest.param(
            "open batch",
            operands(
                "SPACE_TO_BATCH_ND",
                [tensor("float32", (1, 8, 8, 2), signature=(-1, 8, 8, 2))],
                [tensor("float32", (1, 4, 4, 2), signature=(-1, 4, 4, 2))],
            ),
            id="open batch",
        ),
        pytest.param(
            "parts of another type", operands("SPLIT", [tensor("int32"), PER_TENSOR], [PER_TENSOR, FLOAT]), id="parts"
        ),
        pytest.param("computed sizes", operands("FILL", [tensor("int32"), FLOAT], [FLOAT]), id="computed sizes"),
        # (2 · 1)² / (2¹⁴ · 0.0002) = 1.22: the kernel's check asks for less than 1.
        pytest.param(
            "int8 SQUARED_DIFFERENCE",
            operands("SQUARED_DIFFERENCE", [tensor("int8", scales=[1.0])] * 2, [tensor("int8", scales=[0.0002])]),
            id="squared difference",
        ),
    ],
)
def test_each_trap_is_found(rule: str, example: Operands) -> None:
    assert any(each.find(example) for each in RULES if each.name == rule)


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, FLOAT], [FLOAT]), id="dense"),
        pytest.param(operands("FULLY_CONNECTED", [FLOAT, None], [FLOAT]), id="an input left out"),
        pytest.param(
            operands("SQUARED_DIFFERENCE", [tensor("int8", scales=[1.0])] * 2, [tensor("int8", scales=[0.0003])]),
            id="squared difference with a larger output",
        ),
        pytest.param(operands("DEQUANTIZE", [tensor("int8", scales=[0.1])], [FLOAT]), id="dequantize with one scale"),
    ],
)
def test_no_trap_is_found_where_there_is_none(example: Operands) -> None:
    assert [rule.name for rule in RULES if rule.find(example)] == []
