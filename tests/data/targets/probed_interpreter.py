"""The interpreter that is installed in the Python of a probe: a package for Python, or the C library.

The probes run programs in other Pythons and put this folder, and that of edgekit_runtime, on their path.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
#: Environment of a probe's program.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2] / "runtime")])}


def interpreter_class() -> Any:
    """A class with the interface of LiteRT's ``Interpreter``."""
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        try:
            return __import__(module, fromlist=["Interpreter"]).Interpreter
        except ImportError:
            continue
    from edgekit_runtime.interpreters.c_library import find_library

    if find_library() is not None:
        return c_interpreter
    import tensorflow

    return tensorflow.lite.Interpreter


def libraries() -> list[Path]:
    """The shared libraries that hold the interpreter's operators."""
    found = interpreter_class()
    if found is c_interpreter:
        from edgekit_runtime.interpreters.c_library import find_library

        return [Path(find_library() or "")]
    package = __import__(found.__module__.partition(".")[0])
    return list(Path(package.__file__).parent.rglob("*.so*"))


def c_interpreter(model_content: bytes) -> Any:
    """The C library's interpreter with its builtin kernels only, which are all that the one for 32-bit ARM has."""
    from edgekit_runtime.interpreters.c_library import find_library, open_library
    from edgekit_runtime.interpreters.tflite_c import CInterpreter

    class Interpreter(CInterpreter):
        def get_input_details(self) -> list[dict[str, Any]]:
            views = {index: self._view(index) for index in self._indices("Input")}
            return [{"index": index, "shape": view.shape, "dtype": view.dtype} for index, view in views.items()]

    library = open_library(find_library() or "")
    return Interpreter(library._replace(has_xnnpack=False), model_content, 1)
