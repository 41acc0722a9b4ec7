"""Keeps the interpreter's start-up note off a command's stderr: "Created TensorFlow Lite XNNPACK delegate for CPU."

Native code writes the note once per process, when the first model is allocated. A command therefore allocates a tiny
model first while stderr is redirected, so that no messages about the user's model are lost.
"""

from __future__ import annotations

import os
import sys

from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.interpreters.interface import InterpreterChoice

#: A .tflite in base64 that negates one float, created with LiteRT's schema.
NEGATION = (
    "GAAAAFRGTDMAAA4AFAAQAAwACAAAAAQADgAAABAAAAAcAAAA0AAAAAMAAAABAAAACAAAAAQABAAEAAAAAQAAABAAAAAMABQAEAAM"
    "AAgABAAMAAAAEAAAADwAAABAAAAARAAAAAEAAAAQAAAAAAAKAAwAAAAIAAQACgAAAAgAAAAMAAAAAQAAAAEAAAABAAAAAAAAAAEA"
    "AAABAAAAAQAAAAAAAAACAAAAMAAAAAQAAADk////CAAAAAwAAAABAAAAYgAAAAEAAAABAAAADAAMAAgAAAAAAAQADAAAAAgAAAAM"
    "AAAAAQAAAGEAAAABAAAAAQAAAAEAAAAQAAAADAAMAAsAAAAAAAQADAAAADsAAAAAAAA7"
)
#: Settings of this process.
_wishes = {"keep off stderr": False}


def keep_off_stderr() -> None:
    """Suppress the note in this process; for programs, not for libraries."""
    # TensorFlow and LiteRT 2.0 write further notes during import unless this variable is set beforehand.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _wishes["keep off stderr"] = True


def write_if_unwanted(choice: InterpreterChoice) -> None:
    """If the note is unwanted, make the interpreter write it to the null device, once per process."""
    if not _wishes["keep off stderr"]:
        return
    _wishes["keep off stderr"] = False
    # Imported here so that it does not slow down programs that use edgekit_runtime as a library.
    from binascii import a2b_base64

    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # Started with stderr closed.
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        choice.create(a2b_base64(NEGATION), num_threads=1)
    except InterpreterError:
        pass  # Loading the user's model will report the problem.
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
