"""Asks interpreters which types of numbers the kernels of their operators take: edgekit's table of types.

A model of one operator is run for each type; an interpreter whose kernel lacks the type refuses to prepare or to run
it. Only operators that are easily set up are asked, which are those that quantized networks are made of.

    python tests/data/targets/probe_types.py tflite-micro other/bin/python

puts the target's column into ``operator_types.json``. Every probe is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from probed_interpreter import ENVIRONMENT

TABLE = Path(__file__).resolve().parents[3] / "converters/edgekit_converters/targets/operator_types.json"
TYPES = ("float32", "int8", "int16", "int32", "int64", "bool")
_CODES = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9}
_IMAGE = (1, 4, 4, 4)

UNARY = [
    "ABS",
    "CEIL",
    "COS",
    "ELU",
    "EXP",
    "FLOOR",
    "GELU",
    "HARD_SWISH",
    "LEAKY_RELU",
    "LOG",
    "LOGISTIC",
    "LOG_SOFTMAX",
    "L2_NORMALIZATION",
    "NEG",
    "RELU",
    "RELU6",
    "ROUND",
    "RSQRT",
    "SIN",
    "SOFTMAX",
    "SQRT",
    "SQUARE",
    "TANH",
    "ZEROS_LIKE",
    "SQUEEZE",
]
BINARY = [
    "ADD",
    "DIV",
    "FLOOR_DIV",
    "FLOOR_MOD",
    "MAXIMUM",
    "MINIMUM",
    "MUL",
    "POW",
    "PRELU",
    "SQUARED_DIFFERENCE",
    "SUB",
]
COMPARISONS = ["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"]
#: Operators whose further inputs are constants; the shape of what comes out.
WITH_CONSTANTS: dict[str, tuple[list[Any], tuple[int, ...]]] = {
    "RESHAPE": ([[1, 64]], (1, 64)),
    "TRANSPOSE": ([[0, 2, 1, 3]], _IMAGE),
    "PAD": ([[[0, 0], [1, 1], [1, 1], [0, 0]]], (1, 6, 6, 4)),
    "MIRROR_PAD": ([[[0, 0], [1, 1], [1, 1], [0, 0]]], (1, 6, 6, 4)),
    "MEAN": ([[1, 2]], (1, 4)),
    "SUM": ([[1, 2]], (1, 4)),
    "REDUCE_MAX": ([[1, 2]], (1, 4)),
    "REDUCE_MIN": ([[1, 2]], (1, 4)),
    "EXPAND_DIMS": ([1], (1, 1, 4, 4, 4)),
    "GATHER": ([[0]], _IMAGE),
    "RESIZE_NEAREST_NEIGHBOR": ([[8, 8]], (1, 8, 8, 4)),
    "RESIZE_BILINEAR": ([[8, 8]], (1, 8, 8, 4)),
    "SLICE": ([[0, 0, 0, 0], [1, 2, 2, 4]], (1, 2, 2, 4)),
    "STRIDED_SLICE": ([[0, 0, 0, 0], [1, 2, 2, 4], [1, 1, 1, 1]], (1, 2, 2, 4)),
    "SPACE_TO_BATCH_ND": ([[2, 2], [[0, 0], [0, 0]]], (4, 2, 2, 4)),
    "BATCH_TO_SPACE_ND": ([[1, 1], [[0, 0], [0, 0]]], _IMAGE),
    "BROADCAST_TO": ([[2, 4, 4, 4]], (2, 4, 4, 4)),
    "TILE": ([[2, 1, 1, 1]], (2, 4, 4, 4)),
    "CUMSUM": ([1], _IMAGE),
    "REVERSE_V2": ([[1]], _IMAGE),
}
#: The place of the input whose type decides, where it is not the first.
PLACES = {"SPLIT": 1, "SELECT_V2": 1}

PROBE = """
import os, sys, zipfile, json, numpy as np
target = sys.argv[2]
def run(model):
    if target == "tflite-micro":
        from tflite_micro import runtime
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=100000)
        for place in range(model.count(b"input_")):
            details = interpreter.get_input_details(place)
            interpreter.set_input(np.ones(details["shape"], details["dtype"]), place)
        interpreter.invoke()
        return
    interpreter = interpreter_class()(model_content=model)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        # Neither the root nor the logarithm of 0 is asked for.
        interpreter.set_tensor(details["index"], np.ones(details["shape"], details["dtype"]))
    interpreter.invoke()
if target != "tflite-micro":
    from probed_interpreter import interpreter_class
    interpreter_class()
works = {}
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                run(archive.read(name))
            except BaseException:
                os._exit(1)
            os._exit(0)
        works[name] = os.waitpid(child, 0)[1] == 0
print(json.dumps(works))
"""


class _Builder:
    """A model of one operator."""

    def __init__(self, name: str) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.inputs, self.graph.outputs = [], [], []
        self.operator = schema.OperatorT()
        self.operator.inputs, self.operator.outputs = [], []
        code = schema.OperatorCodeT()
        code.builtinCode = vars(schema.BuiltinOperator)[name]
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        # The first version of BROADCAST_TO was never released.
        code.version = 2 if name == "BROADCAST_TO" else 1
        self.model.operatorCodes = [code]

    def tensor(self, dtype: str, shape: tuple[int, ...], values: Any = None, scale: float = 0.1) -> int:
        tensor, buffer = schema.TensorT(), schema.BufferT()
        tensor.name, tensor.type, tensor.shape = f"tensor{len(self.graph.tensors)}", _CODES[dtype], list(shape)
        if dtype in ("int8", "int16"):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
        if values is not None:
            buffer.data = np.frombuffer(np.asarray(values, dtype).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def input(self, dtype: str, shape: tuple[int, ...], scale: float = 0.1) -> None:
        index = self.tensor(dtype, shape, scale=scale)
        self.graph.tensors[index].name = f"input_{index}"
        self.graph.inputs.append(index)
        self.operator.inputs.append(index)

    def constant(self, dtype: str, values: Any) -> None:
        self.operator.inputs.append(self.tensor(dtype, np.shape(values), values))

    def output(self, dtype: str, shape: tuple[int, ...], scale: float = 0.1) -> None:
        index = self.tensor(dtype, shape, scale=scale)
        self.graph.outputs.append(index)
        self.operator.outputs.append(index)

    def options(self, name: str, **values: Any) -> None:
        options = getattr(schema, f"{name}OptionsT")()
        for field, value in values.items():
            setattr(options, field, value)
        self.operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{name}Options")
        self.operator.builtinOptions = options

    def finish(self) -> bytes:
        self.graph.operators = [self.operator]
        self.model.subgraphs = [self.graph]
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))


_OPTION_NAMES = {
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
    "SUM": "Reducer",
    "MEAN": "Reducer",
    "REDUCE_MAX": "Reducer",
    "REDUCE_MIN": "Reducer",
    "L2_NORMALIZATION": "L2Norm",
    "SPACE_TO_BATCH_ND": "SpaceToBatchND",
    "BATCH_TO_SPACE_ND": "BatchToSpaceND",
}
#: int8 kernels insist on these scales at the output.
_OUTPUT_SCALES = {
    "SOFTMAX": {"int8": 1 / 256, "int16": 1 / 32768},
    "LOGISTIC": {"int8": 1 / 256, "int16": 1 / 32768},
    "TANH": {"int8": 1 / 128, "int16": 1 / 32768},
    "L2_NORMALIZATION": {"int8": 1 / 128},
    "LOG_SOFTMAX": {"int8": 16 / 256},
}
_OUTPUT_ZERO_POINTS = {"SOFTMAX": -128, "LOGISTIC": -128, "LOG_SOFTMAX": 127}


def model_of(name: str, dtype: str) -> bytes:
    """The model of one operator on numbers of one type."""
    builder = _Builder(name)
    option = _OPTION_NAMES.get(name, "".join(part.capitalize() for part in name.split("_")))
    if hasattr(schema, f"{option}OptionsT"):
        values = {"beta": 1.0} if name == "SOFTMAX" else {"keepDims": False} if option == "Reducer" else {}
        builder.options(option, **values)
    _FAMILIES[name](builder, name, dtype)
    return builder.finish()


def _unary(builder: _Builder, name: str, dtype: str) -> None:
    builder.input(dtype, _IMAGE)
    builder.output(dtype, _IMAGE, _OUTPUT_SCALES.get(name, {}).get(dtype, 0.1))
    if dtype == "int8" and name in _OUTPUT_ZERO_POINTS:
        builder.graph.tensors[-1].quantization.zeroPoint = [_OUTPUT_ZERO_POINTS[name]]


def _binary(builder: _Builder, name: str, dtype: str) -> None:
    builder.input(dtype, _IMAGE)
    # Nothing is divided by zero.
    builder.constant(dtype, np.ones((1, 1, 4) if name == "PRELU" else _IMAGE))
    builder.output(dtype, _IMAGE)


def _comparison(builder: _Builder, _name: str, dtype: str) -> None:
    builder.input(dtype, _IMAGE)
    builder.input(dtype, _IMAGE)
    builder.output("bool", _IMAGE)


def _with_constants(builder: _Builder, name: str, dtype: str) -> None:
    constants, shape = WITH_CONSTANTS[name]
    builder.input(dtype, _IMAGE)
    for values in constants:
        builder.constant("int32", values)
    builder.output(dtype, shape)


def _pool(builder: _Builder, _name: str, dtype: str) -> None:
    builder.options("Pool2D", strideW=2, strideH=2, filterWidth=2, filterHeight=2)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, (1, 2, 2, 4))


def _concatenation(builder: _Builder, _name: str, dtype: str) -> None:
    builder.options("Concatenation", axis=3)
    builder.input(dtype, _IMAGE)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, (1, 4, 4, 8))


def _pack(builder: _Builder, _name: str, dtype: str) -> None:
    builder.options("Pack", valuesCount=2)
    builder.input(dtype, _IMAGE)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, (2, *_IMAGE))


def _unpack(builder: _Builder, _name: str, dtype: str) -> None:
    builder.options("Unpack", num=1, axis=0)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, _IMAGE[1:])


def _split(builder: _Builder, _name: str, dtype: str) -> None:
    builder.options("Split", numSplits=2)
    builder.constant("int32", 3)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, (1, 4, 4, 2))
    builder.output(dtype, (1, 4, 4, 2))


def _select(builder: _Builder, _name: str, dtype: str) -> None:
    builder.input("bool", _IMAGE)
    builder.input(dtype, _IMAGE)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, _IMAGE)


def _largest(builder: _Builder, name: str, dtype: str) -> None:
    builder.options("ArgMax" if name == "ARG_MAX" else "ArgMin", outputType=_CODES["int32"])
    builder.input(dtype, _IMAGE)
    builder.constant("int32", 3)
    builder.output("int32", (1, 4, 4))


def _depth(builder: _Builder, name: str, dtype: str) -> None:
    to_depth = name == "SPACE_TO_DEPTH"
    builder.options("SpaceToDepth" if to_depth else "DepthToSpace", blockSize=2)
    builder.input(dtype, _IMAGE)
    builder.output(dtype, (1, 2, 2, 16) if to_depth else (1, 8, 8, 1))


_FAMILIES: dict[str, Callable[[_Builder, str, str], None]] = {
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(COMPARISONS, _comparison),
    **dict.fromkeys(WITH_CONSTANTS, _with_constants),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    "CONCATENATION": _concatenation,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SPLIT": _split,
    "SELECT_V2": _select,
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), _largest),
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), _depth),
}


def probe(target: str, python: str) -> dict[str, list[str]]:
    """The types that each operator's kernel takes; operators that take none are left out."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models.zip"
        with zipfile.ZipFile(models, "w") as archive:
            for name in sorted(_FAMILIES):
                for dtype in TYPES:
                    archive.writestr(f"{name}/{dtype}", model_of(name, dtype))
        done = subprocess.run(
            [python, "-c", PROBE, str(models), target],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env=ENVIRONMENT,
        )
    found: dict[str, list[str]] = {}
    for key, works in json.loads(done.stdout.splitlines()[-1]).items():
        name, dtype = key.split("/")
        if works:
            found.setdefault(name, []).append(dtype)
    return found


def update(target: str, found: dict[str, list[str]]) -> None:
    """Put one target's column into the table, an operator a line."""
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {"types": {}}
    table["source"] = (
        "Measured by tests/data/targets/probe_types.py: a kernel takes a type when an interpreter runs a model of this "
        "operator on numbers of it."
    )
    table["asked"] = list(TYPES)
    rows = table.pop("types")
    for name in sorted(_FAMILIES):
        rows[name] = {**rows.get(name, {}), target: found.get(name, [])}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows))
    head = json.dumps(table, indent=1).removesuffix("\n}")
    TABLE.write_text(f'{head},\n "types": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", help="the target's name in the table")
    parser.add_argument("python", help="a Python that has its interpreter")
    arguments = parser.parse_args()
    update(arguments.target, probe(arguments.target, arguments.python))
