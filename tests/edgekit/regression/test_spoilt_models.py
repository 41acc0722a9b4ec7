"""A gate on the reference CNN stops each of the ways in which a model gets worse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from click.testing import Result

from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

FailedRules = Callable[..., set[str]]


def flip_a_weight_byte(model: bytearray) -> None:
    """Flip the lowest bit of one byte in the middle of the largest constant: no answer need change by it."""
    weights = constants(model)[-1]
    weights[len(weights) // 2] ^= 1


def zero_a_layer(model: bytearray) -> None:
    """Zero the weights of the layer with the second most of them."""
    constants(model)[-2][:] = 0


def shift_the_inputs_zero_point(model: bytearray) -> None:
    """Move the zero point that pixels are quantized with: all of them become black."""
    shift_zero_point(model, "QUANTIZE")


def shift_a_hidden_zero_point(model: bytearray) -> None:
    """Move the zero point of what the first convolution writes: it no longer fits that of the pooling behind it."""
    shift_zero_point(model, "CONV_2D")


def shift_zero_point(content: bytearray, operator: str) -> None:
    model = schema.Model.GetRootAs(content)
    graph, code = model.Subgraphs(0), getattr(schema.BuiltinOperator, operator)
    operators = map(graph.Operators, range(graph.OperatorsLength()))
    first = next(o for o in operators if model.OperatorCodes(o.OpcodeIndex()).BuiltinCode() == code)
    zero_points = graph.Tensors(first.Outputs(0)).Quantization().ZeroPointAsNumpy()
    assert zero_points.tolist() == [-128]
    zero_points[0] = 127


def constants(content: bytearray) -> list[np.ndarray]:
    """Views of the constants that operators read, smallest first; writing to one changes ``content``."""
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    buffers = {graph.Tensors(number).Buffer() for number in range(graph.TensorsLength())}
    found = [model.Buffers(number).DataAsNumpy() for number in sorted(buffers)]
    return sorted((data for data in found if isinstance(data, np.ndarray)), key=len)


SPOILS = [
    (flip_a_weight_byte, {"integrity"}),
    (zero_a_layer, {"accuracy", "integrity"}),
    (shift_the_inputs_zero_point, {"accuracy", "integrity"}),
    (shift_a_hidden_zero_point, {"loads"}),
]


@pytest.mark.parametrize(("spoil", "rules"), SPOILS, ids=[spoil.__name__ for spoil, _ in SPOILS])
def test_a_model_that_was_spoilt_before_it_was_packed_fails(
    spoil: Callable[[bytearray], None], rules: set[str], project: Path, failed_rules: FailedRules
) -> None:
    path = project / "model.tflite"
    content = path.read_bytes()
    model = bytearray(unpack(TfliteModel(content)).model.content)
    spoil(model)
    # Packed anew, its digests hold: only the gate can tell.
    path.write_bytes(pack(TfliteModel(bytes(model)), read_manifest(content)))
    assert failed_rules(project) == rules


@pytest.mark.parametrize("spoil", [spoil for spoil, _ in SPOILS], ids=[spoil.__name__ for spoil, _ in SPOILS])
def test_a_file_that_was_spoilt_afterwards_fails_by_its_own_digest(
    spoil: Callable[[bytearray], None], project: Path, failed_rules: FailedRules, check: Callable[..., Result]
) -> None:
    path = project / "model.tflite"
    content = path.read_bytes()
    start = content.index(unpack(TfliteModel(content)).model.content)
    model = bytearray(content[start:])
    spoil(model)
    path.write_bytes(content[:start] + model)
    assert failed_rules(project) == {"loads"}
    assert "Failed: digits (loads)." in check(project).output


def test_swapped_labels_fail(project: Path, failed_rules: FailedRules, check: Callable[..., Result]) -> None:
    path = project / "model.tflite"
    content = path.read_bytes()
    manifest = read_manifest(content)
    labels = list(manifest.labels)
    labels[3], labels[5] = labels[5], labels[3]
    path.write_bytes(pack(unpack(TfliteModel(content)).model, manifest._replace(labels=tuple(labels))))
    assert failed_rules(project) == {"labels"}
    assert "class 3 is '5' here and '3' in the baseline" in check(project).output


def test_a_file_of_twice_the_size_fails(project: Path, failed_rules: FailedRules) -> None:
    path = project / "model.tflite"
    content = path.read_bytes()
    padding = np.random.default_rng(0).bytes(len(content))
    path.write_bytes(pack(unpack(TfliteModel(content)).model, read_manifest(content), other_parts={"padding": padding}))
    assert failed_rules(project) == {"size"}


def test_a_model_of_another_seed_trained_for_one_epoch_fails_by_its_accuracy(
    project: Path, hasty_model: Path, failed_rules: FailedRules, check: Callable[..., Result]
) -> None:
    shutil.copy(hasty_model, project / "model.tflite")
    assert failed_rules(project) == {"accuracy"}
    assert "Failed: digits (accuracy)." in check(project).output
