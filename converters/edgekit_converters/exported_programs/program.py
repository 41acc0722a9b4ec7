"""Reads and checks an exported program without PyTorch."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_converters.exported_programs import fields
from edgekit_converters.exported_programs.archive import (
    CONSTANTS,
    CONSTANTS_CONFIG,
    MODEL,
    WEIGHTS,
    WEIGHTS_CONFIG,
    Archive,
    read_archive,
)
from edgekit_converters.exported_programs.description import checked_description
from edgekit_converters.exported_programs.evaluation import to_evaluation_mode
from edgekit_converters.exported_programs.names import input_names, output_names
from edgekit_converters.exported_programs.operators import short_name
from edgekit_converters.exported_programs.symbolic_sizes import symbol_of
from edgekit_converters.keras_files.bounded_json import parse_object
from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_runtime.errors import ModelFileError, UnsafeModelError

#: A description takes about 1 kB per operator, most of it the source line that the operator came from.
_MAX_DESCRIPTION_BYTES = 32 << 20
_MAX_VALUES = 1_000_000
#: A weight may be a view that repeats its stored values, up to this many elements.
_FREE_ELEMENTS = 1 << 20

#: PyTorch's numbers for tensor types: type as named by numpy, and bytes per value.
_DTYPES = {
    1: ("uint8", 1),
    2: ("int8", 1),
    3: ("int16", 2),
    4: ("int32", 4),
    5: ("int64", 8),
    6: ("float16", 2),
    7: ("float32", 4),
    8: ("float64", 8),
    10: ("complex64", 8),
    12: ("bool", 1),
    13: ("bfloat16", 2),
}
_payloads = fields.record(
    {
        "config": fields.named(
            fields.dotted_path,
            fields.record(
                {
                    "path_name": fields.string,
                    "is_param": fields.boolean,
                    "use_pickle": fields.boolean,
                    "tensor_meta": fields.tensor_meta,
                }
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class ProgramTensor:
    """An input or output of a program.

    Attributes:
        name: Name in ``forward()``.
        shape: Sizes as exported; dynamic ones are those of the example inputs.
        symbols: For each size, the symbol of a dynamic size, or None if it is fixed.
        dtype: Type as named by numpy.
    """

    name: str
    shape: tuple[int, ...]
    symbols: tuple[str | None, ...]
    dtype: str

    @property
    def is_channels_first_image(self) -> bool:
        """Whether this is (N, 1 or 3, H, W), PyTorch's layout of images."""
        return len(self.shape) == 4 and self.shape[1] in (1, 3) and self.dtype in ("float32", "uint8")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, with -1 for dynamic sizes."""
        sizes = [-1 if symbol else size for size, symbol in zip(self.shape, self.symbols, strict=True)]
        return {"name": self.name, "shape": sizes, "dtype": self.dtype}

    def describe(self) -> str:
        """Format name, type and shape on one line."""
        sizes = ["any" if symbol else str(size) for size, symbol in zip(self.shape, self.symbols, strict=True)]
        return f"{self.name}: {self.dtype} ({', '.join(sizes)})"


@dataclass(frozen=True, slots=True, repr=False)
class Program(ResultDisplay):
    """An exported program that contains only tensors, numbers and ATen operators.

    Attributes:
        path: Path of the file.
        torch_version: Version of PyTorch that wrote it.
        inputs: Arguments of ``forward()``, without those that were fixed in the export.
        outputs: Results of ``forward()``, in order.
        constants: Values of the fixed arguments, by index among all arguments.
        operators: Count of each ATen operator.
        parameters: Number of values in its weights.
        training: Operators that were exported in training mode; they are converted as in evaluation.
        description: ``models/model.json``, rebuilt.
        payloads: The tables of weights and of constants, by the names of their members.
        stored: The weights and constants, by the names of their members.
    """

    path: Path
    torch_version: str
    inputs: tuple[ProgramTensor, ...]
    outputs: tuple[ProgramTensor, ...]
    constants: Mapping[int, Any]
    operators: Mapping[str, int]
    parameters: int
    training: tuple[str, ...]
    description: Mapping[str, Any]
    payloads: Mapping[str, Any]
    stored: Mapping[str, bytes]

    @property
    def batch_symbol(self) -> str | None:
        """The symbol of the first size of every input; None if they have no dynamic batch in common."""
        first = {each.symbols[0] if each.symbols else None for each in self.inputs}
        return first.pop() if len(first) == 1 else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for a program that was exported in training mode."""
        if not self.training:
            return ()
        return (
            f"the model was exported in training mode ({', '.join(self.training)}). It is converted as in evaluation"
            " mode; call model.eval() before torch.export.export.",
        )

    @property
    def note_on_open_sizes(self) -> str:
        """A sentence for a program with dynamic sizes other than the batch."""
        open_inputs = [each for each in self.inputs if any(each.symbols[1:])]
        if not open_inputs:
            return ""
        sizes = ", ".join(f"{each.name} ({' × '.join(map(str, each.shape))})" for each in open_inputs)
        return (
            f"Sizes other than the batch that the export left open are fixed at those of its example inputs: {sizes}."
        )

    @property
    def note_on_layout(self) -> str:
        """A sentence for a program with channels-first images."""
        images = ", ".join(each.name for each in self.inputs if each.is_channels_first_image)
        if not images:
            return ""
        return (
            f"{images} takes channels first, (N, C, H, W), as PyTorch does; classify() and images from folders are"
            " transposed for it. Add --channels-last for a model that takes (N, H, W, C)."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """The sentences that a conversion would print."""
        return tuple(x for x in (*self.warnings, self.note_on_open_sizes, self.note_on_layout) if x)

    def to_dict(self) -> dict[str, Any]:
        """Return the main facts as plain values."""
        return {
            "file": self.path.name,
            "torch_version": self.torch_version,
            "inputs": [each.to_dict() for each in self.inputs],
            "outputs": [each.to_dict() for each in self.outputs],
            "operators": dict(self.operators),
            "parameters": self.parameters,
            "notes": list(self.notes),
        }

    def summary(self) -> Summary:
        """Version, parameters, inputs and outputs, and the notes of a conversion."""
        facts = [
            ("PyTorch", self.torch_version),
            ("operators", f"{sum(self.operators.values()):,}"),
            ("parameters", f"{self.parameters:,}"),
            *(("input", each.describe()) for each in self.inputs),
            *(("output", each.describe()) for each in self.outputs),
            *(("note", note) for note in self.notes),
        ]
        return Summary(f"PyTorch program {self.path.name}", tuple(facts))


def read_program(path: Path) -> Program:
    """Read an exported program.

    Raises:
        ModelFileError: The file is damaged or in an older format.
        UnsafeModelError: It contains something that PyTorch would run, or that is not known to be harmless.
    """
    archive = read_archive(path)
    raw = _parsed(archive, MODEL)
    try:
        description = checked_description(raw)
        payloads = {place: _payloads(_parsed(archive, place)) for place in (WEIGHTS_CONFIG, CONSTANTS_CONFIG)}
        stored = _stored(archive, payloads)
        training = to_evaluation_mode(description["graph_module"]["graph"]["nodes"])
        return _program(path, raw, description, payloads=payloads, stored=stored, training=training)
    except (fields.FieldError, KeyError, IndexError, OverflowError) as error:
        what = str(error) if isinstance(error, fields.FieldError) else f"an incomplete description ({error})"
        raise UnsafeModelError(
            f"{path.name} holds {what}, which is not part of a plain exported program.",
            expected="plain weights and ATen operators",
            next_step="export the model again with torch.export, without custom classes and operators",
        ) from error


def _parsed(archive: Archive, name: str) -> dict[str, Any]:
    return parse_object(
        archive.read(name),
        f"{archive.path.name}: {name}",
        max_bytes=_MAX_DESCRIPTION_BYTES,
        max_values=_MAX_VALUES,
    )


def _stored(archive: Archive, payloads: Mapping[str, Any]) -> dict[str, bytes]:
    """The members that the tables name, each checked to be large enough for what is read from it."""
    stored = {}
    for place, table in payloads.items():
        folder, kind = (WEIGHTS, "weight_") if place == WEIGHTS_CONFIG else (CONSTANTS, "tensor_")
        for payload in table["config"].values():
            if payload["use_pickle"] or not payload["path_name"].startswith(kind):
                raise fields.FieldError(f"{payload['path_name'][:80]!r}, a pickled object")
            member = folder + payload["path_name"]
            content = archive.members.get(member)
            if content is None:
                raise ModelFileError(f"{archive.path.name} is not a whole exported program.", expected=member)
            _require_stored(payload["tensor_meta"], content, member)
            stored[member] = content
    return stored


def _require_stored(meta: Mapping[str, Any], content: bytes, member: str) -> None:
    """Reject a tensor that extends beyond its stored values, or repeats them excessively."""
    sizes, strides = ([each["as_int"] for each in meta[field]] for field in ("sizes", "strides"))
    if meta["dtype"] not in _DTYPES or len(sizes) != len(strides) or min([0, *sizes, *strides]) < 0:
        raise fields.FieldError(f"the tensor {member}")
    width, elements = _DTYPES[meta["dtype"]][1], math.prod(sizes)
    reach = meta["storage_offset"]["as_int"] + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True)) + 1
    if len(content) % width or (elements and not 0 < reach * width <= len(content)):
        raise fields.FieldError(f"the tensor {member}, which is larger than what is stored")
    if elements > max(_FREE_ELEMENTS, len(content) // width):
        raise fields.FieldError(f"the tensor {member} of {elements} values, most of them repeated")


def _program(
    path: Path,
    raw: Mapping[str, Any],
    description: Mapping[str, Any],
    *,
    payloads: Mapping[str, Any],
    stored: Mapping[str, bytes],
    training: tuple[str, ...],
) -> Program:
    module = description["graph_module"]
    metas, signature = module["graph"]["tensor_values"], module["signature"]
    given = [spec for spec in signature["input_specs"] if {"user_input", "constant_input"} & set(spec)]
    returned = [spec["user_output"]["arg"] for spec in signature["output_specs"] if "user_output" in spec]
    places = [spec["user_input"]["arg"]["as_tensor"]["name"] for spec in given if "user_input" in spec]
    results = [output["as_tensor"]["name"] for output in returned if "as_tensor" in output]
    weights = payloads[WEIGHTS_CONFIG]["config"].values()
    return Program(
        path=path,
        torch_version=description["torch_version"],
        inputs=_tensors(input_names(raw, given), places, metas),
        outputs=_tensors(output_names(raw, returned), results, metas),
        constants={
            place: _value(spec["constant_input"]["value"])
            for place, spec in enumerate(given)
            if "constant_input" in spec
        },
        operators=Counter(short_name(node["target"]) for node in module["graph"]["nodes"]),
        parameters=sum(math.prod(size["as_int"] for size in each["tensor_meta"]["sizes"]) for each in weights),
        training=training,
        description=description,
        payloads=payloads,
        stored=stored,
    )


def _tensors(names: list[str], places: list[str], metas: Mapping[str, Any]) -> tuple[ProgramTensor, ...]:
    return tuple(_tensor(name, metas[place]) for name, place in zip(names, places, strict=True))


def _tensor(name: str, meta: Mapping[str, Any]) -> ProgramTensor:
    if meta["dtype"] not in _DTYPES:
        raise fields.FieldError(f"{name!r}, a tensor of an unknown type")
    sizes = [_size(each) for each in meta["sizes"]]
    return ProgramTensor(
        name, tuple(size for size, _ in sizes), tuple(symbol for _, symbol in sizes), _DTYPES[meta["dtype"]][0]
    )


def _size(size: Mapping[str, Any]) -> tuple[int, str | None]:
    """A size as exported, and the symbol or expression of a dynamic size."""
    if "as_int" in size:
        return int(size["as_int"]), None
    expression = size["as_expr"]
    hint = (expression["hint"] or {}).get("as_int", 1)
    return int(hint), symbol_of(expression["expr_str"]) or expression["expr_str"]


def _value(constant: Mapping[str, Any]) -> Any:
    ((kind, value),) = constant.items()
    return None if kind == "as_none" else value


def archive_for_pytorch(program: Program) -> list[tuple[str, bytes]]:
    """Return the members of an archive that contains only what was checked.

    The sample inputs are empty: PyTorch would unpickle them.
    """
    described = {MODEL: program.description, **program.payloads}
    return [
        ("archive_format", b"pt2"),
        ("archive_version", b"0"),
        ("byteorder", b"little"),
        (".data/version", b"6\n"),
        *((name, json.dumps(content).encode()) for name, content in described.items()),
        *program.stored.items(),
        ("data/sample_inputs/model.pt", b""),
    ]
