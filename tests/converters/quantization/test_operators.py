"""edgekit's own quantization of every operator of the corpus: what comes out passes edgekit's own structure check."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

import edgekit_runtime
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.errors import EdgekitError, InterpreterError, TensorMismatchError
from edgekit_runtime.tflite.tflite_model import TfliteModel

ARCHIVE = Path(__file__).resolve().parents[2] / "data" / "operators" / "operators.tar.xz"
#: Cases that are not calibrated: of text, of two signatures, and those whose input is a shape.
LEFT_OUT = ("string_identity", "table", "variables", "reshape_to_given", "unknown_rank_chain")


def float_models() -> Iterator[tuple[str, TfliteModel]]:
    with tarfile.open(ARCHIVE) as archive:
        for entry in archive:
            case, mode = entry.name[: -len(".tflite")].split("/")
            file = archive.extractfile(entry)
            if case not in LEFT_OUT and mode in ("float32", "open") and file is not None:
                yield f"{case}/{mode}", TfliteModel(with_signature(file.read()))


def with_signature(content: bytes) -> bytes:
    """The model with names for its inputs and outputs, as every model has that edgekit lowers."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph, signature = model.subgraphs[0], schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs = [name(index, "in") for index in graph.inputs]
    signature.outputs = [name(index, "out") for index in graph.outputs]
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def name(index: int, prefix: str) -> schema.TensorMapT:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = f"{prefix}_{index}", index
    return entry


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.NONE], ids=lambda mode: mode.value)
def test_what_edgekit_quantizes_it_does_not_refuse(mode: Mode) -> None:
    dice = np.random.default_rng(0)
    ran = 0
    for case, model in float_models():
        description = model.description
        sample = {
            key: dice.uniform(1, 2, description.tensors[index].shape).astype(description.tensors[index].dtype)
            for key, index in description.signatures[0].inputs
        }
        try:
            ranges = calibrate(model, [sample]) if mode.needs_calibration else None
            quantized = quantize(model, mode, io=IoType.FLOAT32, ranges=ranges)
        # Not every case has a number to quantize, or a finite one.
        except EdgekitError as error:
            assert "bug in edgekit" not in str(error), case
            continue
        try:
            edgekit_runtime.load(quantized).predict(sample)
            ran += 1
        # A kernel may lack a type, or the model answers as many rows as it finds.
        except (InterpreterError, TensorMismatchError) as error:
            assert "damaged" not in str(error), case
    assert ran > 250
