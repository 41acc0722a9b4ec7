"""Each check finds its own mistake in a model that was broken in one place, and nothing in the model before that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekit.auditing.audit import Audit, audit
from edgekit.auditing.check import Need, Severity
from edgekit.auditing.context import AuditRequest
from edgekit.auditing.registry import CHECKS
from edgekit_converters.packaging.artifact import pack
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.task import FILE, Claim
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
Break = Callable[[bytearray], None]
SOUND = sorted(path.stem for path in TFLITE.glob("*.tflite") if path.stem not in ("custom_operator", "flex_operator"))


def broken(name: str, damage: Break) -> bytes:
    """A model of ``tests/data/tflite`` after ``damage`` has written into it."""
    content = bytearray((TFLITE / f"{name}.tflite").read_bytes())
    damage(content)
    return bytes(content)


def constant(content: bytearray, tensor: int, dtype: str) -> np.ndarray:
    """A view of a constant's values, flat."""
    model = schema.Model.GetRootAs(content)
    data = model.Buffers(model.Subgraphs(0).Tensors(tensor).Buffer()).DataAsNumpy()
    return data.view(dtype)


def constants_of(operator: str, content: bytearray, dtype: str = "int8") -> list[np.ndarray]:
    """Views of the weights of each operator of a kind, one row per output channel."""
    model = schema.Model.GetRootAs(content)
    graph, code = model.Subgraphs(0), getattr(schema.BuiltinOperator, operator)
    operators = [graph.Operators(number) for number in range(graph.OperatorsLength())]
    found = [each for each in operators if model.OperatorCodes(each.OpcodeIndex()).BuiltinCode() == code]
    return [
        constant(content, each.Inputs(1), dtype).reshape(graph.Tensors(each.Inputs(1)).Shape(0), -1) for each in found
    ]


def zero_dense_weights(content: bytearray) -> None:
    constants_of("FULLY_CONNECTED", content)[0][:] = 0


def spoil_weights_with_nan(content: bytearray) -> None:
    constants_of("CONV_2D", content, "float32")[0][:] = np.nan


def cut_weights_off(content: bytearray) -> None:
    weights = constants_of("FULLY_CONNECTED", content)[0]
    weights[:] = np.clip(weights.astype(int) * 4, -127, 127)


def give_dense_weights_one_scale(content: bytearray) -> None:
    """Shorten the vectors of scales and zero points to one entry; nine of ten channels keep three codes."""
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    names = [graph.Tensors(number).Name().decode() for number in range(graph.TensorsLength())]
    tensor = graph.Tensors(next(n for n, name in enumerate(names) if "MatMul" in name))
    quantization = tensor.Quantization()
    start = np.frombuffer(content, np.uint8).__array_interface__["data"][0]
    for vector in (quantization.ScaleAsNumpy(), quantization.ZeroPointAsNumpy()):
        at = vector.__array_interface__["data"][0] - start
        np.frombuffer(content, np.uint32, 1, at - 4)[:] = 1
    weights = constants_of("FULLY_CONNECTED", content)[0]
    weights[1:] = np.sign(weights[1:])


def give_an_activation_no_scale(content: bytearray) -> None:
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    graph.Tensors(graph.Inputs(0)).Quantization().ScaleAsNumpy()[:] = 0


def lose_values_by_a_scale_of_zero(content: bytearray) -> None:
    """The constant whose scale is 0 gets a value other than 0."""
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    for number in range(graph.TensorsLength()):
        quantization, buffer = graph.Tensors(number).Quantization(), graph.Tensors(number).Buffer()
        data = schema.Model.GetRootAs(content).Buffers(buffer).DataAsNumpy()
        if quantization and quantization.ScaleLength() and quantization.Scale(0) == 0 and not isinstance(data, int):
            data.view("int16")[:] = 5


def shift_a_hidden_zero_point(content: bytearray) -> None:
    """What the convolution writes no longer goes with the pooling behind it: interpreters refuse the file."""
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    graph.Tensors(graph.Operators(0).Outputs(0)).Quantization().ZeroPointAsNumpy()[:] = 127


def ignore_the_second_input(content: bytearray) -> None:
    """CONCATENATION reads its first input twice."""
    inputs = schema.Model.GetRootAs(content).Subgraphs(0).Operators(0).InputsAsNumpy()
    inputs[1] = inputs[0]


def audit_of(content: bytes, folder: Path, **request: object) -> Audit:
    path = folder / "model.tflite"
    path.write_bytes(content)
    return audit(path, AuditRequest(**request))


def problems(found: Audit) -> set[str]:
    return {result.check for result in found.results if result.status == "problem"}


def texts(found: Audit, check: str) -> list[str]:
    (result,) = [result for result in found.results if result.check == check]
    return [f"{finding.severity.value} {finding.subject}: {finding.text}" for finding in result.findings]


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_model_has_no_problem(name: str) -> None:
    found = audit(TFLITE / f"{name}.tflite", AuditRequest())
    assert problems(found) == set(), [result.to_dict() for result in found.results if result.findings]


@pytest.mark.parametrize(
    ("name", "damage", "check", "words"),
    [
        ("cnn_int8_io_int8", zero_dense_weights, "constant outputs", "the same for 32 made-up inputs"),
        ("cnn_float32", spoil_weights_with_nan, "finite outputs", "NaN or infinite for 32 of 32"),
        ("cnn_int8_io_int8", cut_weights_off, "clipped weights", "FULLY_CONNECTED"),
        (
            "cnn_dynamic",
            give_dense_weights_one_scale,
            "one scale per tensor",
            "one scale for 10 channels, of which 9 use at most 7",
        ),
        ("cnn_int8_io_int8", give_an_activation_no_scale, "structure", "scale of 0"),
        ("lstm_int16", lose_values_by_a_scale_of_zero, "zero scales", "its values are lost"),
        ("cnn_int8_io_int8", shift_a_hidden_zero_point, "runs here", ""),
        ("two_in_two_out", ignore_the_second_input, "unused inputs", "right"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_mistake_is_found_by_its_check(name: str, damage: Break, check: str, words: str, tmp_path: Path) -> None:
    found = audit_of(broken(name, damage), tmp_path)
    assert not found.passed
    assert check in problems(found)
    assert any(text.startswith("problem") and words in text for text in texts(found, check)), texts(found, check)


def narrow_the_hidden_range(content: bytearray) -> None:
    """A quarter of the range of what the convolution and the pooling behind it write."""
    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    for operator in (graph.Operators(0), graph.Operators(1)):
        graph.Tensors(operator.Outputs(0)).Quantization().ScaleAsNumpy()[:] /= 4


@pytest.mark.parametrize("damage", [lambda content: None, narrow_the_hidden_range], ids=["sound", "narrow"])
def test_activations_that_are_cut_off_are_found(damage: Break, tmp_path: Path) -> None:
    with np.load(TFLITE / "cnn.npz") as arrays:
        np.savez(tmp_path / "data.npz", x=arrays["image"], y=arrays["probabilities"].argmax(1))
    found = audit_of(broken("cnn_int8_io_int8", damage), tmp_path, data=str(tmp_path / "data.npz"))
    said = texts(found, "clipped activations")
    assert bool(said) == (damage is narrow_the_hidden_range)
    assert not said or "CONV_2D" in said[0]


def test_a_structure_that_is_damaged_skips_what_needs_it(tmp_path: Path) -> None:
    found = audit_of(broken("cnn_int8_io_int8", give_an_activation_no_scale), tmp_path)
    assert problems(found) == {"structure"}
    skipped = {result.check: result.skipped for result in found.results if result.skipped}
    assert set(skipped) == {check.name for check in CHECKS if Need.STRUCTURE in check.needs}
    assert set(skipped.values()) == {Need.STRUCTURE.value}


def test_a_scale_of_zero_for_values_that_are_zero_is_a_remark() -> None:
    found = audit(TFLITE / "lstm_int16.tflite", AuditRequest())
    assert [text.partition(" ")[0] for text in texts(found, "zero scales")] == ["remark", "remark"]


def test_an_operator_that_no_target_has_is_a_problem() -> None:
    found = audit(TFLITE / "flex_operator.tflite", AuditRequest())
    assert {"operators", "runs here"} <= problems(found)
    assert "FlexCholesky" in texts(found, "operators")[0]


@pytest.mark.parametrize(("targets", "severity"), [((), "remark"), (("tflite-runtime-2.5",), "problem")])
def test_a_trap_is_a_problem_on_a_target_that_is_asked_for(targets: tuple[str, ...], severity: str) -> None:
    found = audit(TFLITE / "cnn_int8_io_int8.tflite", AuditRequest(targets=targets))
    (text,) = [text for text in texts(found, "runtime traps") if "2.5" in text]
    assert text.startswith(severity)
    assert "predicts wrongly" in text


def test_labels_of_another_number_are_a_problem(tmp_path: Path) -> None:
    manifest = Manifest(labels=("a", "b", "c"), task=Claim(FILE, outputs={"output_0": "classes"}))
    found = audit_of(pack(TfliteModel((TFLITE / "cnn_float32.tflite").read_bytes()), manifest), tmp_path)
    assert "metadata" in problems(found)
    assert "problem output_0: 3 labels for 10 classes" in texts(found, "metadata")


def test_what_a_file_does_not_say_is_a_remark() -> None:
    found = audit(TFLITE / "cnn_float32.tflite", AuditRequest())
    said = " ".join(texts(found, "metadata"))
    assert "no labels for 10 classes" in said
    assert "what pixels 0 and 255 become" in said
    assert found.passed


def test_weights_that_changed_behind_their_digest_are_found(tmp_path: Path) -> None:
    packed = bytearray(pack(TfliteModel((TFLITE / "cnn_int8_io_int8.tflite").read_bytes()), Manifest()))
    weights = constants_of("FULLY_CONNECTED", packed)[0]
    weights[0, 0] ^= 1
    assert problems(audit_of(bytes(packed), tmp_path)) == {"packed parts", "runs here"}


def test_every_check_has_a_name_and_advice() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.advice.endswith(".") and check.judge.__doc__ for check in CHECKS)
    assert {severity.value for severity in Severity} == {"problem", "remark"}
