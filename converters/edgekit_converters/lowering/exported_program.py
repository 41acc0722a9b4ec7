"""A PyTorch exported program (``.pt2``) to a float32 .tflite, by litert-torch; it is read before PyTorch loads it.

PyTorch's own loader runs code from such a file: pickled weights, constants and sample inputs, guards, and operators
named by any path below ``torch``. What is let through here is plain numbers and ATen operators.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit_converters.lowering.converter_errors import explain
from edgekit_runtime.errors import ConversionError, ModelFileError, UnsafeModelError

_LARGEST_JSON_BYTES = 200_000_000
_PLAIN_OPERATOR = re.compile(
    r"torch\.ops\.aten\.\w+\.\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|math\.(ceil|floor|trunc)|torch\.sym_(float|int|max|min|not|ite|sum)"
)
#: Symbolic sizes go through an evaluator: names, numbers and arithmetic only.
_PLAIN_EXPRESSION = re.compile(r"(?!.*__)[\w\s+\-*/%(),<>=]*")


def is_exported_program(path: Path) -> bool:
    """Whether a file is a PyTorch exported program, by what it holds."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/archive_format") for name in archive.namelist())


def lower_exported_program(path: Path) -> bytes:
    """Lower the program with the shapes of the example inputs that it was exported with.

    Raises:
        ConversionError: litert-torch is not installed, or an operator has no TFLite form.
        ModelFileError: The file is damaged.
        UnsafeModelError: It carries code, or what PyTorch would run as such.
    """
    try:
        _require_plain(path)
    except (zipfile.BadZipFile, ValueError, KeyError, RecursionError) as error:
        raise ModelFileError(f"{path.name} could not be read as an exported program.", received=str(error)) from error
    try:
        import litert_torch
        import torch
    except ImportError as error:
        raise ConversionError(
            f"{path.name} is a PyTorch program, and litert-torch, which converts these, is not installed.",
            received=str(error),
            next_step="pip install 'edgekit[torch]'",
        ) from error
    _require_plain_sample_inputs(path, torch)
    try:
        program = torch.export.load(path)
        arguments, keywords = program.example_inputs
        edge_model = litert_torch.convert(program.module(), arguments, keywords)
        with tempfile.TemporaryDirectory() as folder:
            edge_model.export(str(Path(folder) / "model.tflite"))
            return (Path(folder) / "model.tflite").read_bytes()
    except Exception as error:
        # Both libraries raise errors of every kind.
        raise explain(error, path.name) from error


def _require_plain(path: Path) -> None:
    """Refuse what PyTorch would unpickle, evaluate, or look up outside of ATen; nothing is loaded for that."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith(".json"):
                continue
            if entry.file_size > _LARGEST_JSON_BYTES:
                raise ModelFileError(f"{path.name}: {entry.filename} unpacks to {entry.file_size} bytes.")
            for key, value in _items(json.loads(archive.read(entry))):
                if _reaches_out(key, value):
                    raise UnsafeModelError(
                        f"{path.name} holds {key} {str(value)[:80]!r} in {entry.filename}, which PyTorch would run.",
                        expected="plain weights and ATen operators",
                        next_step="export the model again with torch.export, without custom classes and operators",
                    )


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _items(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _items(inner)


def _reaches_out(key: str, value: Any) -> bool:
    match key:
        case "use_pickle" | "guards_code" | "as_custom_obj" | "as_operator":
            return bool(value)
        case "path_name":
            return not re.fullmatch(r"(weight|tensor)_\d+", str(value))
        case "target" if isinstance(value, str):
            return "." in value and not _PLAIN_OPERATOR.fullmatch(value)
        case "expr_str":
            return not _PLAIN_EXPRESSION.fullmatch(str(value))
    return False


def _require_plain_sample_inputs(path: Path, torch: Any) -> None:
    """Refuse sample inputs that are more than tensors: PyTorch falls back to unpickling anything."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith((".pt", ".pkl")):
                continue
            try:
                torch.load(io.BytesIO(archive.read(name)), weights_only=True)
            except Exception as error:
                raise UnsafeModelError(
                    f"{path.name} holds pickled objects in {name}, which PyTorch would run.",
                    expected="plain tensors as sample inputs",
                    next_step="export the model again with tensors as example inputs",
                ) from error
