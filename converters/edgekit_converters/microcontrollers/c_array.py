"""A .tflite as C source: an aligned array, constants for its inputs and outputs, and its labels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edgekit_converters.microcontrollers.arena import estimate_arena_bytes
from edgekit_converters.microcontrollers.reserved_names import RESERVED_NAMES
from edgekit_runtime.errors import UsageError
from edgekit_runtime.tensor_info import TensorInfo, model_inputs, model_outputs
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

_BYTES_PER_LINE = 16
#: Names that start with an underscore, and in C++ those with two in a row, are reserved for the compiler.
_IDENTIFIER = re.compile(r"(?!.*__)[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class CArray:
    """A model as two source files.

    Attributes:
        header: Content of the ``.h``, for C and C++.
        source: Content of the ``.cc``.
        arena_bytes: Upper estimate of the tensor arena in bytes.
        model_bytes: Size of the array in bytes.
    """

    header: str
    source: str
    arena_bytes: int
    model_bytes: int


def c_array(model: TfliteModel, name: str, *, labels: Sequence[str] = (), origin: str = "") -> CArray:
    """Convert a .tflite to C source.

    Args:
        model: A model with nothing packed behind it.
        name: Name of the array; the files are ``name.h`` and ``name.cc``.
        labels: Names of the classes, written as an array if there are any.
        origin: Origin of the model, for the comment at the top.
    Raises:
        UsageError: ``name`` is not an unreserved C identifier.
    """
    if not _is_free(name):
        raise UsageError(
            "The name of the array is not a C identifier that a program may use.",
            expected="letters, digits and single underscores, beginning with a letter, and not a word of C or C++",
            received=name,
            next_step=f"use another name, such as {identifier(name)}",
        )
    description = model.description
    arena = estimate_arena_bytes(description)
    header = [*_opening(name, origin), *_constants(name.upper(), description, arena), *_declarations(name, labels)]
    return CArray(_text(header), _text(_source(name, model.content, labels)), arena, len(model))


def identifier(text: str) -> str:
    """Make a C identifier from any text: ``model-int8`` becomes ``model_int8``, and ``while`` ``model_while``."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "model"
    return name if _is_free(name) else f"model_{name}"


def _is_free(name: str) -> bool:
    """Whether the name is a valid identifier that neither C nor C++ reserves."""
    return _IDENTIFIER.fullmatch(name) is not None and name not in RESERVED_NAMES


def _opening(name: str, origin: str) -> Iterator[str]:
    if origin:
        yield f"// {_comment(origin)}"
    yield f"#ifndef {name.upper()}_H_"
    yield f"#define {name.upper()}_H_"
    yield ""
    yield "#include <stddef.h>"
    yield ""


def _constants(prefix: str, description: ModelDescription, arena: int) -> Iterator[str]:
    yield "// Bytes for the tensor arena of TFLite Micro: an upper estimate; MicroInterpreter::arena_used_bytes()"
    yield "// returns what your build uses."
    yield f"#define {prefix}_TENSOR_ARENA_BYTES {arena}"
    yield f"#define {prefix}_SIZE_BYTES {description.size_bytes}"
    for kind, tensors in (("INPUT", model_inputs(description)), ("OUTPUT", model_outputs(description))):
        yield ""
        yield f"#define {prefix}_{kind}_COUNT {len(tensors)}"
        for number, info in enumerate(tensors):
            yield from _tensor_constants(f"{prefix}_{kind}_{number}", info)


def _declarations(name: str, labels: Sequence[str]) -> Iterator[str]:
    yield ""
    yield "#ifdef __cplusplus"
    yield 'extern "C" {'
    yield "#endif"
    yield f"extern const unsigned char {name}[{name.upper()}_SIZE_BYTES];  // aligned to 16 bytes"
    if labels:
        yield f"#define {name.upper()}_LABEL_COUNT {len(labels)}"
        yield f"extern const char* const {name}_labels[{name.upper()}_LABEL_COUNT];"
    yield "#ifdef __cplusplus"
    yield "}"
    yield "#endif"
    yield ""
    yield f"#endif  // {name.upper()}_H_"


def _tensor_constants(prefix: str, info: TensorInfo) -> Iterator[str]:
    sizes = [max(1, size) for size in info.shape]
    yield f"// {_comment(info.name)}: {info.dtype.name}, {' x '.join(map(str, sizes)) or 'scalar'}"
    yield f"#define {prefix}_ELEMENTS {math.prod(sizes)}"
    if info.quantization is not None and info.dtype.kind in "iu":
        yield "// real = scale * (code - zero point)"
        yield f"#define {prefix}_SCALE {_float(info.scale)}"
        yield f"#define {prefix}_ZERO_POINT ({info.zero_point})"


def _source(name: str, model: bytes, labels: Sequence[str]) -> Iterator[str]:
    yield f'#include "{name}.h"'
    yield ""
    yield f"alignas(16) const unsigned char {name}[{name.upper()}_SIZE_BYTES] = {{"
    for start in range(0, len(model), _BYTES_PER_LINE):
        yield "    " + "".join(f"0x{byte:02x}," for byte in model[start : start + _BYTES_PER_LINE])
    yield "};"
    if labels:
        yield ""
        yield f"const char* const {name}_labels[{name.upper()}_LABEL_COUNT] = {{"
        for label in labels:
            yield f"    {_string(label)},"
        yield "};"


def _float(value: float) -> str:
    """Format a float literal with nine digits, which identify every float32."""
    text = f"{value:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    """Replace characters that could end a comment or continue it on the next line."""
    return "".join(character if character.isprintable() and character != "\\" else "?" for character in text)


def _string(text: str) -> str:
    """Format text as a C string in UTF-8. Octal, since a hexadecimal escape would include any digits after it."""
    return (
        '"'
        + "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode()
        )
        + '"'
    )
