"""Asks interpreters which custom operators they bring along: edgekit's table of bundled custom operators.

A custom operator is found by its name alone, and no interpreter lists the names it knows. So every text in its shared
libraries that could be a name is tried: a model of one custom operator of that name is loaded, and an interpreter that
lacks it says ``Encountered unresolved custom op``.

    python tests/data/targets/probe_custom_operators.py litert .venv/bin/python
    python tests/data/targets/probe_custom_operators.py tflite-runtime-2.14 other/bin/python

put a column into ``custom_operators.json``. The Python is one in which the target's interpreter is installed:
ai-edge-litert, tflite-runtime, or a package that ships the C library.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from probed_interpreter import ENVIRONMENT

TABLE = Path(__file__).resolve().parents[3] / "converters/edgekit_converters/targets/custom_operators.json"
#: Long enough for any name, and what the probe overwrites with each name.
PLACEHOLDER = "N" * 64

#: Run by the interpreter's own Python: prints the names of the operators it has.
PROBE = """
import json, os, re, struct, sys
from pathlib import Path
from probed_interpreter import interpreter_class, libraries
template, placeholder = Path(sys.argv[1]).read_bytes(), sys.argv[2].encode()
place = template.index(placeholder)
names = set()
for library in libraries():
    names.update(re.findall(rb"(?<![ -~])([A-Za-z][ -~]{1,62})\\0", library.read_bytes()))

def has(name):
    model = template[:place - 4] + struct.pack("<I", len(name)) + name.ljust(len(placeholder), b"\\0")
    interpreter = interpreter_class()(model_content=model + template[place + len(placeholder):])
    try:
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        # Names that begin with Flex are refused as TensorFlow's own, whatever follows.
        return not any(words in str(error) for words in ("unresolved custom op", "Select TensorFlow op"))
    return True

# A kernel that is there may die of the operator's lack of inputs: each batch of names is tried in a child.
def found_in(batch):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"\\0".join(name for name in batch if has(name)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        found = [name for name in answer.read().split(b"\\0") if name]
    if os.waitpid(child, 0)[1] == 0:
        return found
    if len(batch) == 1:
        return batch
    half = len(batch) // 2
    return found_in(batch[:half]) + found_in(batch[half:])

names = sorted(names)
batches = [names[first:first + 500] for first in range(0, len(names), 500)]
print(json.dumps({"asked": len(names), "found": [name.decode() for batch in batches for name in found_in(batch)]}))
"""


def model_of_one_custom_operator() -> bytes:
    """A model whose only operator has the placeholder's name, one input and one output."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = PLACEHOLDER, 1
    tensors = []
    for name in ("in", "out"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, 4], schema.TensorType.FLOAT32, 0
        tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [operator], [0], [1]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("python", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.tflite"
        template.write_bytes(model_of_one_custom_operator())
        command = [str(options.python), "-c", PROBE, str(template), PLACEHOLDER]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout)
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {"asked": {}, "names": {}}
    table["asked"][options.target], table["names"][options.target] = answer["asked"], answer["found"]
    TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    print(f"{len(answer['found'])} of {answer['asked']} names: {', '.join(answer['found'])}")


if __name__ == "__main__":
    main()
