"""Runs litert-quantizer without its progress bars and warnings on the terminal."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

from edgekit_runtime.interpreters.choosing import choose_interpreter


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress what litert-quantizer writes to stderr, and its warnings, while the block runs."""
    # Some algorithms create an interpreter of their own. Choosing it here keeps its start-up note off stderr.
    choose_interpreter("litert")
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
