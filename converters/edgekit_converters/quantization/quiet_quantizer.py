"""Runs litert-quantizer without its progress bars and warnings on the terminal."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

from edgekit_runtime.execution.startup_note import write_if_unwanted


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress what litert-quantizer writes to stderr, and its warnings, while the block runs."""
    from ai_edge_litert.interpreter import Interpreter

    # Some algorithms create an interpreter of their own to run the model.
    write_if_unwanted(Interpreter)
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
