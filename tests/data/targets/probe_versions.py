"""Asks interpreters which version of each builtin operator they have: the source of edgekit's table of targets.

A model of one operator is loaded for every operator of the schema and every version; an interpreter that lacks it says
``Didn't find op for builtin opcode``. Nothing of the answer depends on tensors or options.

    python tests/data/targets/probe_versions.py litert .venv/bin/python "ai-edge-litert 2.3.0"
    python tests/data/targets/probe_versions.py tflite-runtime-2.14 other/bin/python "tflite-runtime 2.14.0"
    python tests/data/targets/probe_versions.py tflite-c-2.17 other/bin/python "the library of pymicro-wakeword 2.5.0"

put a column into ``operator_versions.json``. The Python is one in which the target's interpreter is installed:
ai-edge-litert, tflite-runtime, the C library (a package that ships it), tensorflow (whose interpreter is
tflite-runtime's of the same version) or tflite-micro.
Every probe of tflite-micro is a process of its own, since it follows missing tensors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import zipfile
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from probed_interpreter import ENVIRONMENT

TABLE = Path(__file__).resolve().parents[3] / "converters/edgekit_converters/targets/operator_versions.json"
#: No operator has had more versions than 14; an interpreter that takes this one does not look at versions.
HIGHEST_VERSION = 20

#: Run by the interpreter's own Python: prints {operator: [versions it has]}.
PROBE = """
import json, os, sys, zipfile
ABSENT = ("Didn't find op", "builtin_code out of range")
def has(model):
    try:
        create(model_content=model)
    except (ValueError, RuntimeError) as error:
        if any(words in str(error) for words in ABSENT):
            return False
    return True
def micro_has(model):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 2)
        try:
            runtime.Interpreter.from_bytes(model)
        except Exception:
            pass
        os._exit(0)
    os.close(write)
    with os.fdopen(read, errors="replace") as stderr:
        messages = stderr.read()
    os.waitpid(child, 0)
    return not any(words in messages for words in ABSENT)
if sys.argv[2] == "tflite-micro":
    from tflite_micro import runtime
    has = micro_has
else:
    from probed_interpreter import interpreter_class
    create = interpreter_class()
found = {}
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        operator, version = name.split("/")
        if has(archive.read(name)):
            found.setdefault(operator, []).append(int(version))
print(json.dumps(found))
"""


def one_operator_model(code: int, version: int) -> bytes:
    """A model whose only operator, without inputs and outputs, is ``code`` in ``version``."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    operator_code = schema.OperatorCodeT()
    operator_code.deprecatedBuiltinCode = min(code, 127)
    operator_code.builtinCode = code
    operator_code.version = version
    model.operatorCodes = [operator_code]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [], []
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [], [], [], [operator]
    model.subgraphs = [graph]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def builtin_operators() -> dict[str, int]:
    """Code of each operator of the newest schema."""
    pseudo = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"}
    codes = vars(schema.BuiltinOperator)
    return {name: code for name, code in codes.items() if not name.startswith("_") and name not in pseudo}


def probe(target: str, python: str) -> dict[str, int | None]:
    """Highest version of each operator that the interpreter in ``python`` has; None where it runs any version."""
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models.zip"
        with zipfile.ZipFile(models, "w") as archive:
            for name, code in builtin_operators().items():
                for version in range(1, HIGHEST_VERSION + 1):
                    archive.writestr(f"{name}/{version}", one_operator_model(code, version))
        done = subprocess.run(
            [python, "-c", PROBE, str(models), target],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env=ENVIRONMENT,
        )
    found: dict[str, list[int]] = json.loads(done.stdout.splitlines()[-1])
    for name, present in found.items():
        if present != list(range(present[0], present[-1] + 1)):
            raise SystemExit(f"{name}: versions {present} are no range")
    return {name: None if present[-1] == HIGHEST_VERSION else present[-1] for name, present in found.items()}


def update(target: str, measured_on: str, found: dict[str, int | None]) -> None:
    """Put one target's column into the table, an operator a line."""
    table = json.loads(TABLE.read_text())
    table["measured_on"][target] = measured_on
    rows = table.pop("highest_versions")
    for name in sorted(rows.keys() | found.keys()):
        row = {key: version for key, version in rows.get(name, {}).items() if key != target}
        if name in found:
            row[target] = found[name]
        rows[name] = {key: row[key] for key in table["measured_on"] if key in row}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows[name])}" for name in sorted(rows) if rows[name])
    head = json.dumps(table, indent=1).removesuffix("\n}")
    TABLE.write_text(f'{head},\n "highest_versions": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", help="the target's name in the table")
    parser.add_argument("python", help="a Python that has its interpreter")
    parser.add_argument("measured_on", help="package and version of that interpreter")
    arguments = parser.parse_args()
    update(arguments.target, arguments.measured_on, probe(arguments.target, arguments.python))
