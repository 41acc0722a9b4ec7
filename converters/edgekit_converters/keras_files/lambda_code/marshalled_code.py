"""Parses a marshalled code object with xdis, without constructs that make a few bytes grow excessively."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NoReturn

from xdis import magics
from xdis.op_imports import get_opcode_module
from xdis.unmarshal import VersionIndependentUnmarshaller
from xdis.version_info import PythonImplementation

#: Most values in referenced tuples; in the code of a Lambda these are a few names.
_MAX_REPEATED = 1_000


def load_code(code: bytes, python: tuple[int, int]) -> tuple[Any, Any] | None:
    """Load a code object as one version of Python would.

    Args:
        code: The marshalled bytes.
        python: The version, such as ``(3, 11)``.
    Returns:
        The code object and the version's opcodes; None if the bytes are not a code object of that version.
    """
    magic = magics.magic2int(magics.by_version[".".join(map(str, python))])
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            code_object = _PlainUnmarshaller(io.BytesIO(code), magic, False, code_objects={}).load()
            opcodes = get_opcode_module(python, PythonImplementation.CPython)
    except (Exception, SystemExit):
        # Bytes of another version may make xdis fail in any way.
        return None
    # An object without names is a marshalled value of another kind.
    return (code_object, opcodes) if hasattr(code_object, "co_varnames") else None


class _PlainUnmarshaller(VersionIndependentUnmarshaller):
    """Reads code and the kinds of constants that arithmetic uses.

    A tuple that refers twice to a tuple that refers twice to a tuple … has 2^n values after n steps, and xdis hashes
    and prints all of them. Python's own compiler refers only to tuples of names and numbers.
    """

    _repeated = 0

    def t_object_reference(self, save_ref: Any = None, bytes_for_s: bool = False) -> Any:
        value = super().t_object_reference(save_ref, bytes_for_s)
        if isinstance(value, tuple):
            self._repeated += len(value)
            if self._repeated > _MAX_REPEATED or any(isinstance(part, (tuple, slice)) for part in value):
                raise ValueError("references to nested or long tuples")
        return value

    def _refuse(self, save_ref: Any = None, bytes_for_s: bool = False) -> NoReturn:
        raise ValueError("a list, set or dict among constants")

    t_list = t_set = t_frozenset = t_dict = _refuse
