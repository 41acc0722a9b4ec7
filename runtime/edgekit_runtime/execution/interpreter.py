"""The interpreters a model can run on; the only file that imports one."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Protocol

import numpy as np

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.execution.import_probe import death_of_import
from edgekit_runtime.execution.startup_note import write_if_unwanted

#: Module and pip command of each interpreter, in the order they are tried.
INTERPRETERS = {
    "litert": ("ai_edge_litert.interpreter", "pip install ai-edge-litert"),
    "tflite-runtime": ("tflite_runtime.interpreter", "pip install tflite-runtime 'numpy<2'"),
}


class Interpreter(Protocol):
    """The part of the interpreters' common interface that the runtime uses."""

    def allocate_tensors(self) -> None:
        """Plan the memory; needed before the first invoke and after a resize."""

    def resize_tensor_input(self, input_index: int, tensor_size: tuple[int, ...]) -> None:
        """Change an input's shape."""

    def set_tensor(self, tensor_index: int, value: np.ndarray) -> None:
        """Copy ``value`` into an input."""

    def invoke(self) -> None:
        """Run the model; releases the GIL."""

    def get_tensor(self, tensor_index: int) -> np.ndarray:
        """A copy of a tensor."""

    def reset_all_variables(self) -> None:
        """Set the tensors that outlive an invoke back to their first values."""


class InterpreterChoice:
    """An interpreter that is installed here.

    Attributes:
        name: ``litert`` or ``tflite-runtime``.
        version: The version of its package.
    """

    def __init__(self, name: str, version: str, interpreter_class: Any) -> None:
        self.name = name
        self.version = version
        self._class = interpreter_class

    def create(self, model_content: bytes, num_threads: int) -> Interpreter:
        """An interpreter of the model, its tensors allocated.

        Args:
            model_content: A .tflite file whose structure has been checked.
            num_threads: Threads that one operator may use.
        Raises:
            InterpreterError: It refuses the model.
        """
        # 1.1.0 sets the threads on an interpreter that it has not made yet; its own choice is one.
        threads = {} if self.version == "1.1.0" else {"num_threads": num_threads}
        try:
            interpreter: Interpreter = self._class(model_content=model_content, **threads)
            interpreter.allocate_tensors()
        # SystemError: a name that is no UTF-8.
        except (ValueError, RuntimeError, MemoryError, SystemError) as error:
            raise InterpreterError(
                f"{self.name} {self.version} refuses the model.",
                received=(str(error).strip() or type(error).__name__).splitlines()[0],
                next_step="convert the model again for this interpreter's version",
            ) from error
        return interpreter


def choose_interpreter(name: str | None = None) -> InterpreterChoice:
    """Import the named interpreter, or the first one that is installed.

    Args:
        name: ``litert``, ``tflite-runtime``, or ``None`` for the first of these that is installed.
    Raises:
        UsageError: There is no interpreter of that name.
        InterpreterError: It is not installed, or cannot work with the numpy that is.
    """
    if name is not None and name not in INTERPRETERS:
        raise UsageError(
            "There is no interpreter of this name.", expected=" or ".join(INTERPRETERS), received=repr(name)
        )
    for candidate in [name] if name is not None else INTERPRETERS:
        origin = _origin(INTERPRETERS[candidate][0].partition(".")[0])
        if origin is not None:
            return _import(candidate, origin)
    if name is not None:
        raise InterpreterError(f"{name} is not installed.", next_step=INTERPRETERS[name][1])
    raise InterpreterError(
        "No interpreter for .tflite models is installed.",
        expected=" or ".join(INTERPRETERS),
        next_step=", or ".join(command for _, command in INTERPRETERS.values()),
    )


def _origin(package: str) -> str | None:
    """The file of a package, ``None`` where it is not installed: find_spec() of importlib.util, without its import."""
    if package in sys.modules:
        return str(getattr(sys.modules[package], "__file__", ""))
    for finder in sys.meta_path:
        spec = finder.find_spec(package, None)
        if spec is not None:
            return spec.origin or ""
    return None


def _import(name: str, origin: str) -> InterpreterChoice:
    module_name, command = INTERPRETERS[name]
    death = death_of_import(module_name, origin)
    if death is not None:
        other = next(other for other in INTERPRETERS if other != name)
        raise InterpreterError(
            f"The interpreter {name} {death}.",
            expected="a package built for this machine",
            received=origin,
            next_step=f"install another version of it, or {INTERPRETERS[other][1]} and name {other!r}",
        )
    try:
        package = importlib.import_module(module_name.partition(".")[0])
        version = str(getattr(package, "__version__", "(version unknown)"))
        _require_its_numpy(name, version)
        module = importlib.import_module(module_name)
    # A library that lacks a symbol is an OSError where it is opened by ctypes.
    except (ImportError, OSError) as error:
        raise InterpreterError(
            f"{name} is installed and cannot be imported.", received=str(error), next_step=command
        ) from error
    write_if_unwanted(module.Interpreter)
    return InterpreterChoice(name, version, module.Interpreter)


def _require_its_numpy(name: str, version: str) -> None:
    """Raise if the extension module was built for numpy 1: with numpy 2 it fails inside Interpreter()."""
    built_for_numpy_1 = name == "tflite-runtime" or version in ("1.0.0", "1.0.1", "1.1.0")
    if built_for_numpy_1 and int(np.__version__.partition(".")[0]) >= 2:
        raise InterpreterError(
            f"The interpreter {name} {version} needs numpy 1.",
            expected="numpy<2",
            received=f"numpy {np.__version__}",
            next_step="pip install 'numpy<2', or pip install --upgrade ai-edge-litert",
        )
