"""The interpreters that can run a model; no other module imports an interpreter."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Protocol

import numpy as np

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.execution.import_probe import crash_of_import
from edgekit_runtime.execution.startup_note import write_if_unwanted
from edgekit_runtime.packed_file.mapped_file import MappedFile, content_of

#: Module and pip command of each interpreter, in the order in which they are tried.
INTERPRETERS = {
    "litert": ("ai_edge_litert.interpreter", "pip install ai-edge-litert"),
    "tflite-runtime": ("tflite_runtime.interpreter", "pip install tflite-runtime 'numpy<2'"),
}


class Interpreter(Protocol):
    """The part of the interpreters' shared interface that the runtime uses."""

    def allocate_tensors(self) -> None:
        """Plan the memory; required before the first invoke and after a resize."""

    def resize_tensor_input(self, input_index: int, tensor_size: tuple[int, ...]) -> None:
        """Change the shape of an input."""

    def set_tensor(self, tensor_index: int, value: np.ndarray) -> None:
        """Copy ``value`` into an input."""

    def invoke(self) -> None:
        """Run the model; releases the GIL."""

    def get_tensor(self, tensor_index: int) -> np.ndarray:
        """Return a copy of a tensor."""

    def reset_all_variables(self) -> None:
        """Reset the tensors that keep their values between invokes."""


class InterpreterChoice:
    """An installed interpreter.

    Attributes:
        name: ``litert`` or ``tflite-runtime``.
        version: Version of its package.
    """

    def __init__(self, name: str, version: str, interpreter_class: Any) -> None:
        self.name = name
        self.version = version
        self._class = interpreter_class

    def create(self, model: bytes | MappedFile, num_threads: int) -> Interpreter:
        """Create an interpreter for the model and allocate its tensors.

        Args:
            model: Content of a .tflite file whose structure has been checked, or the file itself, mapped.
            num_threads: Number of threads that one operator may use.
        Raises:
            ModelFileError: Another program has changed the mapped file.
            InterpreterError: The interpreter refuses the model.
        """
        # LiteRT 1.1.0 sets num_threads on an interpreter that it has not created yet; its default is one thread.
        threads = {} if self.version == "1.1.0" else {"num_threads": num_threads}
        path = model.path_for_interpreter() if isinstance(model, MappedFile) else None
        # Given a path, an interpreter maps the file, too.
        source = {"model_path": path} if path else {"model_content": content_of(model)}
        try:
            interpreter: Interpreter = self._class(**source, **threads)
            interpreter.allocate_tensors()
        # A SystemError is raised for a name that is not UTF-8.
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
        UsageError: There is no interpreter with this name.
        InterpreterError: The interpreter is not installed, or is incompatible with the installed numpy.
    """
    if name is not None and name not in INTERPRETERS:
        raise UsageError(
            "There is no interpreter with this name.", expected=" or ".join(INTERPRETERS), received=repr(name)
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
    """File of a package, ``None`` if it is not installed: like importlib.util.find_spec(), without importing that."""
    if package in sys.modules:
        return str(getattr(sys.modules[package], "__file__", ""))
    for finder in sys.meta_path:
        spec = finder.find_spec(package, None)
        if spec is not None:
            return spec.origin or ""
    return None


def _import(name: str, origin: str) -> InterpreterChoice:
    module_name, command = INTERPRETERS[name]
    crash = crash_of_import(module_name, origin)
    if crash is not None:
        other = next(other for other in INTERPRETERS if other != name)
        raise InterpreterError(
            f"The interpreter {name} {crash}.",
            expected="a package built for this machine",
            received=origin,
            next_step=f"install another version of it, or {INTERPRETERS[other][1]} and select {other!r}",
        )
    try:
        package = importlib.import_module(module_name.partition(".")[0])
        version = str(getattr(package, "__version__", "(version unknown)"))
        _require_its_numpy(name, version)
        module = importlib.import_module(module_name)
    # If ctypes opens a library that lacks a symbol, it raises an OSError.
    except (ImportError, OSError) as error:
        raise InterpreterError(
            f"{name} is installed but cannot be imported.", received=str(error), next_step=command
        ) from error
    write_if_unwanted(module.Interpreter)
    return InterpreterChoice(name, version, module.Interpreter)


def _require_its_numpy(name: str, version: str) -> None:
    """Raise an error if the extension module was built for numpy 1: with numpy 2, it fails inside Interpreter()."""
    built_for_numpy_1 = name == "tflite-runtime" or version in ("1.0.0", "1.0.1", "1.1.0")
    if built_for_numpy_1 and int(np.__version__.partition(".")[0]) >= 2:
        raise InterpreterError(
            f"The interpreter {name} {version} needs numpy 1.",
            expected="numpy<2",
            received=f"numpy {np.__version__}",
            next_step="pip install 'numpy<2', or pip install --upgrade ai-edge-litert",
        )
