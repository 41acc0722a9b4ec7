"""The constants of the FlatBuffer schemas are the schemas' own, and code that reads a file uses them."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

from edgekit_runtime.tflite import schema
from edgekit_runtime.tflite.custom_operators import CUSTOM_OPERATORS
from edgekit_runtime.tflite.operator_rules import OPTIONS, OPTIONS_2, TENSOR_TYPES

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "tests/data/schema/make_schema.py"
#: What reads a field of a table in edgekit_runtime.tflite.flatbuffer; the field's number is the first argument.
READERS = {
    *("scalar", "has", "numbers", "integers", "indices", "vector_place", "count", "string", "table", "tables"),
}
#: Start of a vector in Python code that flatc made, with the size of an item.
ITEM_SIZES = {"<i4": 4, "<u4": 4, "<f4": 4, "<i8": 8, "u1": 1}


def schema_code() -> str:
    spec = importlib.util.find_spec("ai_edge_litert")
    assert spec is not None and spec.submodule_search_locations
    return (Path(next(iter(spec.submodule_search_locations))) / "schema_py_generated.py").read_text()


def test_the_constants_are_those_of_the_installed_schema() -> None:
    assert subprocess.run([sys.executable, str(SCRIPT), "--check"], check=False).returncode == 0


def test_every_type_of_the_schema_has_a_size() -> None:
    types = {value for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    assert set(TENSOR_TYPES) == types


def test_every_vector_and_text_in_options_is_checked() -> None:
    code = schema_code()
    for union, rules in ((schema.BuiltinOptions, OPTIONS), (schema.BuiltinOptions2, OPTIONS_2)):
        for table, number in vars(union).items():
            if table.startswith("_"):
                continue
            offsets = re.findall(rf"^def {table}Add\w+\(builder, \w+\):\s+\S+PrependUOffset\w+\((\d+),", code, re.M)
            sizes = re.findall(rf"^def {table}Start\w+Vector\(builder, \w+\):\s+return \S+\((\d+),", code, re.M)
            rule = rules.get(number)
            vectors = {} if rule is None else dict(rule.vectors)
            if rule is not None and rule.subgraph_list is not None:
                vectors[rule.subgraph_list] = "<i4"
            assert sorted(vectors) == sorted(map(int, offsets)), table
            assert sorted(map(int, sizes)) == sorted(ITEM_SIZES[v] for v in vectors.values() if v != "string"), table


def test_no_bare_field_number_reads_a_table() -> None:
    bare = []
    for package in ("runtime/edgekit_runtime", "converters/edgekit_converters", "edgekit"):
        for path in (TOP / package).rglob("*.py"):
            code = path.read_text()
            if "edgekit_runtime.tflite.flatbuffer" not in code and "flatbuffers" not in code:
                continue
            for node in ast.walk(ast.parse(code)):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in READERS
                    and any(isinstance(a, ast.Constant) and type(a.value) is int for a in node.args[:2])
                ):
                    bare.append(f"{path.relative_to(TOP)}:{node.lineno}")
    assert bare == []


def test_custom_operators_are_those_that_every_measured_interpreter_has() -> None:
    table = TOP / "converters/edgekit_converters/targets/custom_operators.json"
    names = json.loads(table.read_text())["names"]
    assert {"litert", "litert-1.4", "tflite-runtime-2.14"} <= set(names)
    assert set(CUSTOM_OPERATORS) == set.intersection(*map(set, names.values()))
