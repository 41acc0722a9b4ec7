"""Imports TensorFlow without its startup messages."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


def import_quietly() -> None:
    """Import TensorFlow, if it is not imported yet, and keep its native startup messages off stderr.

    TensorFlow 2.21 writes them before it reads ``TF_CPP_MIN_LOG_LEVEL``. Import errors are raised as usual.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _native_stderr_closed():
        import tensorflow  # noqa: F401
    # "Retracing" warnings are advice for authors of training loops.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def _native_stderr_closed() -> Iterator[None]:
    sys.stderr.flush()
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
