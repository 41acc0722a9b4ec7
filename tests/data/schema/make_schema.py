"""Makes the modules of constants for FlatBuffer tables from the Python code that flatc made of their schemas.

    python tests/data/schema/make_schema.py

writes ``edgekit_runtime/tflite/schema.py`` from ``schema_py_generated.py`` of the installed ai-edge-litert. With

    python tests/data/schema/make_schema.py --metadata metadata_schema_py_generated.py

it writes ``edgekit_converters/packaging/metadata_schema.py`` instead; that file is in the wheels of tflite-support and
mediapipe, and is read as text. ``--check`` writes nothing and exits with 1 if the module is another one.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
SCHEMA = TOP / "runtime/edgekit_runtime/tflite/schema.py"
METADATA_SCHEMA = TOP / "converters/edgekit_converters/packaging/metadata_schema.py"

#: Tables that the structure check reads whatever operators a model has.
MODEL_TABLES = (
    *("Model", "Buffer", "OperatorCode", "SubGraph", "Tensor", "QuantizationParameters", "VariantSubType"),
    *("SparsityParameters", "DimensionMetadata", "Int32Vector", "Operator", "SignatureDef", "TensorMap", "Metadata"),
)
#: Tables of options with vectors, subgraphs, counts or numbers that native code divides by.
OPTIONS_TABLES = (
    *("BucketizeOptions", "CallOptions", "CallOnceOptions", "ConcatEmbeddingsOptions", "Conv2DOptions"),
    *("Conv3DOptions", "DepthToSpaceOptions", "DepthwiseConv2DOptions", "FullyConnectedOptions", "IfOptions"),
    *("PackOptions", "Pool2DOptions", "ReshapeOptions", "SVDFOptions", "SpaceToDepthOptions", "SplitOptions"),
    *("SplitVOptions", "SqueezeOptions", "StableHLOCompositeOptions", "StablehloBroadcastInDimOptions"),
    *("StablehloCaseOptions", "StablehloConvolutionOptions", "StablehloCustomCallOptions"),
    *("StablehloDotGeneralOptions", "StablehloDynamicSliceOptions", "StablehloGatherOptions", "StablehloPadOptions"),
    *("StablehloReduceOptions", "StablehloReduceWindowOptions", "StablehloScatterOptions", "StablehloSliceOptions"),
    *("StablehloSortOptions", "StablehloTransposeOptions", "StablehloWhileOptions", "TransposeConvOptions"),
    *("StridedSliceOptions", "UnpackOptions", "VarHandleOptions", "WhileOptions"),
)
ENUMS = ("BuiltinOptions", "BuiltinOptions2", "Padding", "QuantizationDetails", "SparseIndexVector", "TensorType")

METADATA_TABLES = (
    *("ModelMetadata", "SubGraphMetadata", "TensorMetadata", "Content", "ImageProperties", "ImageSize"),
    *("ProcessUnit", "NormalizationOptions", "AssociatedFile"),
)
METADATA_ENUMS = ("AssociatedFileType", "ColorSpaceType", "ContentProperties", "ProcessUnitOptions")


def tables(code: str, names: Sequence[str]) -> Iterator[str]:
    """A class of field numbers for each table."""
    for name in names:
        fields = re.findall(rf"^def {name}Add(\w+)\(builder, \w+\):\s+builder\.Prepend\w+Slot\((\d+),", code, re.M)
        assert fields, f"the schema has no table {name}"
        yield f'class {name}:\n    """Field numbers of the table."""\n\n' + "".join(
            f"    {_constant(field)} = {number}\n" for field, number in fields
        )


def enums(code: str, names: Sequence[str]) -> Iterator[str]:
    """A class of values for each enum or union."""
    for name in names:
        members = enum_members(code, name)
        yield f'class {name}:\n    """Values of the enum."""\n\n' + "".join(
            f"    {member} = {number}\n" for member, number in members
        )


def enum_members(code: str, name: str) -> list[tuple[str, int]]:
    """Names and numbers of an enum or union, in order."""
    found = re.search(rf"^class {name}\(object\):\n((?:    \w+ = -?\d+\n)+)", code, re.M)
    assert found, f"the schema has no enum {name}"
    return [(member, int(number)) for member, number in re.findall(r"(\w+) = (-?\d+)", found[1])]


def _constant(field: str) -> str:
    """``DilationWFactor`` as ``DILATION_W_FACTOR``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", field).upper()


def operator_names(code: str) -> str:
    """The tuple of builtin operators, whose codes have no gaps."""
    members = enum_members(code, "BuiltinOperator")
    assert [number for _, number in members] == list(range(len(members)))
    lines = "".join(f'    "{name}",\n' for name, _ in members)
    return f"#: Name of each builtin operator; its index is its code.\nBUILTIN_OPERATORS = (\n{lines})\n"


def runtime_module() -> str:
    """The text of ``edgekit_runtime/tflite/schema.py``."""
    origin = importlib.util.find_spec("ai_edge_litert")
    assert origin is not None and origin.submodule_search_locations
    code = (Path(next(iter(origin.submodule_search_locations))) / "schema_py_generated.py").read_text()
    head = (
        '"""Names for the numbers of the TFLite schema: fields of its tables, members of its enums.\n\n'
        "Made by tests/data/schema/make_schema.py from the schema in ai-edge-litert; do not edit it by hand.\n"
        '"""\n'
    )
    parts = [*tables(code, MODEL_TABLES), *tables(code, OPTIONS_TABLES), *enums(code, ENUMS), operator_names(code)]
    return "\n\n".join([head, *parts])


def metadata_module(source: Path) -> str:
    """The text of ``edgekit_converters/packaging/metadata_schema.py``."""
    code = source.read_text()
    head = (
        '"""Names for the numbers of the TFLite Metadata schema: fields of its tables, members of its enums.\n\n'
        "Made by tests/data/schema/make_schema.py from the schema in tflite-support; do not edit it by hand.\n"
        '"""\n'
    )
    return "\n\n".join([head, *tables(code, METADATA_TABLES), *enums(code, METADATA_ENUMS)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metadata", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    path = METADATA_SCHEMA if options.metadata else SCHEMA
    text = metadata_module(options.metadata) if options.metadata else runtime_module()
    if options.check:
        return int(path.read_text() != text)
    path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
