"""Chooses an installed interpreter."""

from __future__ import annotations

import importlib
from typing import Any

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.interpreters.interface import InterpreterChoice
from edgekit_runtime.interpreters.startup_note import write_if_unwanted

#: Names, in the order in which they are tried. Each has a module of this name in this folder, with a constant
#: ``INSTALL`` and the functions ``find``, ``crash_of_loading`` and ``open_interpreter``.
INTERPRETERS = ("litert", "tflite-runtime", "tflite-c")
#: Precedes the path of a TensorFlow Lite C library.
_LIBRARY = "c:"
#: What ``interpreter`` may be, in error messages and help.
INTERPRETER_HELP = f"{', '.join(INTERPRETERS)} or {_LIBRARY}PATH of a TensorFlow Lite C library"


def is_interpreter_name(name: str) -> bool:
    """Whether :func:`choose_interpreter` accepts this name, regardless of what is installed."""
    return name in INTERPRETERS or (name.startswith(_LIBRARY) and name != _LIBRARY)


def choose_interpreter(name: str | None = None) -> InterpreterChoice:
    """Load the named interpreter, or the first one that is installed.

    Args:
        name: ``litert``, ``tflite-runtime``, ``tflite-c``, ``c:`` and the path of a TensorFlow Lite C library, or
            ``None`` for the first that is installed.
    Raises:
        UsageError: There is no interpreter with this name.
        InterpreterError: The interpreter is not installed, or does not work on this machine.
    """
    if name is not None and not is_interpreter_name(name):
        raise UsageError("There is no interpreter with this name.", expected=INTERPRETER_HELP, received=repr(name))
    if name is not None and name.startswith(_LIBRARY):
        return _open("tflite-c", name[len(_LIBRARY) :])
    for candidate in [name] if name is not None else INTERPRETERS:
        origin = _module(candidate).find()
        if origin is not None:
            return _open(candidate, origin)
    if name is not None:
        raise InterpreterError(f"{name} is not installed.", next_step=install_command(name))
    raise InterpreterError(
        "No interpreter for .tflite models is installed.",
        expected=" or ".join(INTERPRETERS),
        next_step=", or ".join(install_command(each) for each in INTERPRETERS),
    )


def install_command(name: str) -> str:
    """Command that installs an interpreter."""
    command: str = _module(name).INSTALL
    return command


def _module(name: str) -> Any:
    return importlib.import_module(f"edgekit_runtime.interpreters.{name.replace('-', '_')}")


def _open(name: str, origin: str) -> InterpreterChoice:
    module = _module(name)
    crash = module.crash_of_loading(origin)
    if crash is not None:
        other = next(other for other in INTERPRETERS if other != name)
        raise InterpreterError(
            f"The interpreter {name} {crash}.",
            expected="a package built for this machine",
            received=origin,
            next_step=f"install another version of it, or {install_command(other)} and select {other!r}",
        )
    choice: InterpreterChoice = module.open_interpreter(origin)
    write_if_unwanted(choice)
    return choice
