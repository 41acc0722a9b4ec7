"""Reads the code of a stored ``Lambda`` as arithmetic, without running it.

The code is a marshalled code object of the Python version that wrote the file, 2.7 to 3.13, which the file does not
name. For each candidate version, the library xdis parses the code and its instructions are interpreted with symbols in
place of values. All versions that succeed must give the same result.
"""

from __future__ import annotations

import binascii
import re
from typing import Any

from edgekit_converters.keras_files.lambda_code.bytecode import CannotReadError, read_instructions
from edgekit_converters.keras_files.lambda_code.expressions import WHOLE_INPUT, Expression
from edgekit_runtime.errors import UnsafeModelError

# One version from each family of bytecodes that wrote Keras files.
_PYTHONS = ((3, 13), (3, 12), (3, 11), (3, 10), (3, 9), (3, 8), (3, 7), (3, 6), (3, 5), (3, 4), (2, 7))
# Arithmetic takes a few hundred bytes; more is a program.
_MAX_CODE_BYTES = 4096


def read_lambda(config: dict[str, Any]) -> Expression:
    """Read a ``Lambda`` layer's function as an expression of its input.

    Args:
        config: The layer's stored configuration.
    Returns:
        The expression; see ``expressions`` for its form.
    Raises:
        UnsafeModelError: The function is more than arithmetic on the layer's input, or is not in the file.
    """
    name = str(config.get("name", "lambda"))
    try:
        code, defaults, closure = _stored_code(config)
        arguments = config.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise CannotReadError(f"arguments without names: {str(arguments)[:80]}")
        return _read(code, defaults, closure, dict(arguments))
    except CannotReadError as reason:
        raise UnsafeModelError(
            f"Layer '{name}' is a Lambda, and its code is not plain arithmetic.",
            expected="arithmetic on the layer's input, such as x / 127.5 - 1",
            received=str(reason),
            next_step="replace it with plain layers and save the model again; --allow-unsafe runs the stored code",
        ) from None


def function_name(config: dict[str, Any]) -> str:
    """The name of the function that a ``Lambda`` refers to; "" if its code is in the file."""
    function = config.get("function")
    if isinstance(function, dict):
        function = None if function.get("class_name") == "__lambda__" else function.get("config")
    return function.rpartition(">")[2] if isinstance(function, str) else ""


def referred_function(config: dict[str, Any]) -> str:
    """The name by which a ``Lambda`` refers to its author's function; "" if it contains code in any form."""
    function = config.get("function")
    if isinstance(function, dict) and function.get("class_name") == "function":
        function = function.get("config")
    elif config.get("function_type", "function") != "function":
        return ""
    return function if isinstance(function, str) and re.fullmatch(r"(\w+>)?\w+", function) else ""


def _stored_code(config: dict[str, Any]) -> tuple[bytes, list[Any], list[Any]]:
    function = config.get("function")
    if isinstance(function, dict):  # Keras 2.12 and later.
        inner = function.get("config")
        if function.get("class_name") == "__lambda__" and isinstance(inner, dict):
            function = [inner.get("code"), inner.get("defaults"), inner.get("closure")]
        else:
            raise CannotReadError(f"a reference to the function {str(inner)[:80]!r}")
    if not isinstance(function, (list, tuple)) or not function or not isinstance(function[0], str):
        raise CannotReadError(f"a reference to the function {str(function)[:80]!r}")
    code, defaults, closure = (*function, None, None)[:3]
    return _code_bytes(code), _plain_list(defaults), _plain_list(closure)


def _plain_list(values: Any) -> list[Any]:
    if isinstance(values, dict):
        values = values.get("items")
    if values is not None and not isinstance(values, (list, tuple)):
        raise CannotReadError(f"defaults that are not a list: {str(values)[:80]}")
    return list(values or [])


def _code_bytes(text: str) -> bytes:
    """Decode the code: base64 since Keras 2.1.3, before that one character per byte."""
    try:
        code = binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        try:
            code = text.encode("raw_unicode_escape")
        except UnicodeError:
            code = b""
    if not code or len(code) > _MAX_CODE_BYTES:
        raise CannotReadError(f"{len(code)} bytes of code")
    return code


def _read(code: bytes, defaults: list[Any], closure: list[Any], arguments: dict[str, Any]) -> Expression:
    from edgekit_converters.keras_files.lambda_code.marshalled_code import load_code

    readings: list[Expression] = []
    reason: CannotReadError | None = None
    for python in _PYTHONS:
        loaded = load_code(code, python)
        if loaded is None:
            continue
        try:
            readings.append(read_instructions(*loaded, defaults, closure, arguments))
        except CannotReadError as error:
            # Report the error of the version that understood the most instructions.
            reason = max(reason or error, error, key=lambda e: e.progress)
    if not readings:
        raise reason or CannotReadError("no code of Python 2.7 to 3.13")
    if any(reading != readings[0] for reading in readings):
        raise CannotReadError("code that means different things to different versions of Python")
    if readings[0] == WHOLE_INPUT or _reads_input(readings[0]):
        return readings[0]
    raise CannotReadError("code that ignores the layer's input")


def _reads_input(expression: Expression) -> bool:
    if isinstance(expression, dict):
        return "input" in expression or any(_reads_input(part) for part in expression.values())
    return isinstance(expression, (list, tuple)) and any(map(_reads_input, expression))
