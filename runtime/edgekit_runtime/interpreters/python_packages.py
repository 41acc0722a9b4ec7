"""Finds and imports interpreters that are Python packages."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np

from edgekit_runtime.errors import InterpreterError


def find_package(package: str) -> str | None:
    """File of a package, empty if it has none; ``None`` if the package is not installed."""
    if package in sys.modules:
        return str(getattr(sys.modules[package], "__file__", ""))
    spec = importlib.util.find_spec(package)
    return None if spec is None else spec.origin or ""


def import_interpreter(name: str, module_name: str, next_step: str, *, numpy_1_versions: str) -> tuple[str, Any]:
    """Import an interpreter.

    Args:
        name: Name of the interpreter in messages.
        module_name: Full name of the module with the class ``Interpreter``.
        next_step: Command that installs the package.
        numpy_1_versions: Space-separated versions that were built for numpy 1, or ``all``.
    Returns:
        The version of the package and the class.
    Raises:
        InterpreterError: The import fails, or the package was built for another numpy.
    """
    try:
        package = importlib.import_module(module_name.partition(".")[0])
        version = str(getattr(package, "__version__", "(version unknown)"))
        if numpy_1_versions == "all" or version in numpy_1_versions.split():
            _require_numpy_1(name, version)
        return version, importlib.import_module(module_name).Interpreter
    # If ctypes opens a library that lacks a symbol, it raises an OSError.
    except (ImportError, OSError) as error:
        raise InterpreterError(
            f"{name} is installed but cannot be imported.", received=str(error), next_step=next_step
        ) from error


def _require_numpy_1(name: str, version: str) -> None:
    """Raise an error if an extension module built for numpy 1 meets numpy 2: it fails inside Interpreter()."""
    if int(np.__version__.partition(".")[0]) >= 2:
        raise InterpreterError(
            f"The interpreter {name} {version} needs numpy 1.",
            expected="numpy<2",
            received=f"numpy {np.__version__}",
            next_step="pip install 'numpy<2', or pip install --upgrade ai-edge-litert",
        )
