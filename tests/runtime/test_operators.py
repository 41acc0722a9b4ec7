"""No model with builtin operators from TensorFlow's converter, in any of its modes, is reported as damaged.

The models are created by tests/data/operators/make_operators.py.
"""

from __future__ import annotations

import faulthandler
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import InterpreterError, ModelFileError
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.tflite.structure import read_model_description

ARCHIVE = Path(__file__).resolve().parent.parent / "data" / "operators" / "operators.tar.xz"
#: Cases whose open first axis is not a batch: it depends on the values, or combines several examples.
NOT_BY_SAMPLE = {
    *("where", "unique", "space_to_batch_nd", "range_float", "segment_sum", "concatenation_batch", "while_growing"),
}


def models() -> Iterator[tuple[str, bytes]]:
    with tarfile.open(ARCHIVE) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            yield entry.name[: -len(".tflite")], file.read()


def readable_models(reads_tiny_scales: bool) -> Iterator[tuple[str, bytes]]:
    """The models without those that the runtime refuses on 32-bit ARM, where their tiny scale becomes 0."""
    for name, content in models():
        try:
            read_model_description(content)
        except ModelFileError as error:
            if reads_tiny_scales or "has a scale of 0" not in str(error):
                raise
            continue
        yield name, content


def sample(description: edgekit_runtime.tflite.description.ModelDescription, rows: int) -> list[np.ndarray]:
    """One array per input, with ``rows`` rows if the first size is open."""
    dice = np.random.default_rng(0)
    arrays = []
    for tensor in description.inputs:
        shape = [rows if size == -1 else size for size in tensor.shape_signature]
        if tensor.dtype == "float32":
            arrays.append(dice.uniform(0.1, 1, shape).astype(np.float32))
        else:
            arrays.append(dice.integers(1, 2 if tensor.dtype == "bool" else 4, shape).astype(tensor.dtype))
    return arrays


def bare_answer(content: bytes, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs of the interpreter when it is used without the runtime."""
    description = read_model_description(content)
    interpreter = choose_interpreter().create(content, num_threads=1)
    for tensor, array in zip(description.inputs, arrays):
        interpreter.resize_tensor_input(tensor.index, array.shape)
    interpreter.allocate_tensors()
    for tensor, array in zip(description.inputs, arrays):
        interpreter.set_tensor(tensor.index, array)
    interpreter.invoke()
    return [interpreter.get_tensor(tensor.index) for tensor in description.outputs]


def bare_refuses(content: bytes, arrays: list[np.ndarray]) -> bool:
    """Whether the interpreter without the runtime cannot run the model: it raises an error or crashes."""
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            bare_answer(content, arrays)
        except Exception:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def test_no_sound_model_is_called_damaged() -> None:
    refused = {}
    for name, content in models():
        try:
            read_model_description(content)
        except ModelFileError as error:
            refused[name] = str(error)
    assert refused == {}


@pytest.mark.parametrize("rows", [1, 3])
def test_a_model_runs_if_the_interpreter_can_run_it(rows: int, reads_tiny_scales: bool) -> None:
    wrong = {}
    for name, content in readable_models(reads_tiny_scales):
        case, mode = name.split("/")
        description = read_model_description(content)
        # Random numbers, and the results of integer kernels for no elements, differ each time; strings are not numbers.
        if case.startswith(("random", "multinomial", "empty_input", "string", "table")):
            continue
        if rows > 1 and mode != "open":
            continue
        if mode == "open" and case in NOT_BY_SAMPLE:
            continue
        arrays = sample(description, rows)
        try:
            model = edgekit_runtime.load(content)
            raw = model.predict({info.name: array for info, array in zip(model.inputs, arrays)})
        except InterpreterError as error:
            # Some of these models crash only with other inputs.
            if "crashes in operator" not in str(error) and not bare_refuses(content, arrays):
                wrong[name] = str(error)
            continue
        answers = list(raw.values()) if isinstance(raw, dict) else [raw]
        expected = bare_answer(content, arrays)
        for info, answer, stored in zip(model.outputs, answers, expected):
            real = stored
            if info.quantization is not None and info.dtype.kind in "iu":
                real = (stored.astype(np.float32) - info.zero_point) * info.scale
            if not np.allclose(answer, real, rtol=1e-5, atol=1e-6, equal_nan=True):
                wrong[name] = f"{info.name} differs by {np.abs(answer - real).max()}"
    assert wrong == {}


def test_the_corpus_has_the_operators(reads_tiny_scales: bool) -> None:
    """136 of the schema's 209; the rest are StableHLO, deprecated, or not written by TensorFlow's converter."""
    descriptions = [read_model_description(content) for _, content in readable_models(reads_tiny_scales)]
    names = {o.name for description in descriptions for graph in description.subgraphs for o in graph.operators}
    assert len(names) >= 136
    assert {
        "IF",
        "WHILE",
        "CALL_ONCE",
        "VAR_HANDLE",
        "READ_VARIABLE",
        "HASHTABLE_FIND",
        "NON_MAX_SUPPRESSION_V5",
    } <= names


def test_text_is_refused_as_that() -> None:
    for name, content in models():
        if name.startswith(("string", "table")):
            with pytest.raises(ModelFileError, match="is text"):
                edgekit_runtime.load(content)
