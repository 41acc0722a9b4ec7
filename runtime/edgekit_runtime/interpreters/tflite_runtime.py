"""TensorFlow Lite, as the package tflite-runtime, which ends at Python 3.11 and numpy 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit_runtime.interpreters.import_probe import crash_of_import
from edgekit_runtime.interpreters.interface import Interpreter, InterpreterChoice
from edgekit_runtime.interpreters.python_packages import find_package, import_interpreter

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

#: Command that installs it.
INSTALL = "pip install tflite-runtime 'numpy<2'"
_MODULE = "tflite_runtime.interpreter"


def find() -> str | None:
    """File of the package; ``None`` if it is not installed."""
    return find_package("tflite_runtime")


def crash_of_loading(origin: str) -> str | None:
    """Describe how importing it crashes; ``None`` if it does not."""
    return crash_of_import(_MODULE, origin)


def open_interpreter(origin: str) -> InterpreterChoice:
    """Import it.

    Raises:
        InterpreterError: The import fails, or numpy is not version 1.
    """
    version, interpreter_class = import_interpreter("tflite-runtime", _MODULE, INSTALL, numpy_1_versions="all")

    def create(model: str | Content, num_threads: int) -> Interpreter:
        source = {"model_path" if isinstance(model, str) else "model_content": model}
        interpreter: Interpreter = interpreter_class(**source, num_threads=num_threads)
        return interpreter

    return InterpreterChoice("tflite-runtime", version, create)
