"""LiteRT, as the package ai-edge-litert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit_runtime.interpreters.import_probe import crash_of_import
from edgekit_runtime.interpreters.interface import Interpreter, InterpreterChoice
from edgekit_runtime.interpreters.python_packages import find_package, import_interpreter

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

#: Command that installs it.
INSTALL = "pip install ai-edge-litert"
_MODULE = "ai_edge_litert.interpreter"


def find() -> str | None:
    """File of the package; ``None`` if it is not installed."""
    return find_package("ai_edge_litert")


def crash_of_loading(origin: str) -> str | None:
    """Describe how importing it crashes; ``None`` if it does not."""
    return crash_of_import(_MODULE, origin)


def open_interpreter(origin: str) -> InterpreterChoice:
    """Import it.

    Raises:
        InterpreterError: The import fails, or the package was built for another numpy.
    """
    version, interpreter_class = import_interpreter("litert", _MODULE, INSTALL, numpy_1_versions="1.0.0 1.0.1 1.1.0")

    def create(model: str | Content, num_threads: int) -> Interpreter:
        # LiteRT 1.1.0 sets num_threads on an interpreter that it has not created yet; its default is one thread.
        threads = {} if version == "1.1.0" else {"num_threads": num_threads}
        source = {"model_path" if isinstance(model, str) else "model_content": model}
        interpreter: Interpreter = interpreter_class(**source, **threads)
        return interpreter

    return InterpreterChoice("litert", version, create)
