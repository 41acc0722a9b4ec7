"""Keeps the interpreter's start-up note off a command's stderr: "Created TensorFlow Lite XNNPACK delegate for CPU."

Native code writes it once a process, with the first model that is allocated. A command lets a model of its own be that
one while stderr is closed, so that nothing is kept back of what is said about the user's model.
"""

from __future__ import annotations

import os
import sys
from typing import Any

#: A .tflite that negates one float, made with LiteRT's schema; in base64.
_NEGATION = (
    "GAAAAFRGTDMAAA4AFAAQAAwACAAAAAQADgAAABAAAAAcAAAA0AAAAAMAAAABAAAACAAAAAQABAAEAAAAAQAAABAAAAAMABQAEAAM"
    "AAgABAAMAAAAEAAAADwAAABAAAAARAAAAAEAAAAQAAAAAAAKAAwAAAAIAAQACgAAAAgAAAAMAAAAAQAAAAEAAAABAAAAAAAAAAEA"
    "AAABAAAAAQAAAAAAAAACAAAAMAAAAAQAAADk////CAAAAAwAAAABAAAAYgAAAAEAAAABAAAADAAMAAgAAAAAAAQADAAAAAgAAAAM"
    "AAAAAQAAAGEAAAABAAAAAQAAAAEAAAAQAAAADAAMAAsAAAAAAAQADAAAADsAAAAAAAA7"
)
#: Of this process.
_wishes = {"keep off stderr": False}


def keep_off_stderr() -> None:
    """Have no note in this process; for programs, not for libraries."""
    # TensorFlow, and LiteRT 2.0 with it, write others while they are imported unless told before.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _wishes["keep off stderr"] = True


def write_if_unwanted(interpreter_class: Any) -> None:
    """Have the note written to nowhere, once, by either interpreter's class, if it is not wanted."""
    if not _wishes["keep off stderr"]:
        return
    _wishes["keep off stderr"] = False
    # Libraries' users do not wait for its import.
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
        interpreter_class(model_content=a2b_base64(_NEGATION)).allocate_tensors()
    except (ValueError, RuntimeError):
        pass  # The user's model will tell what is wrong.
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
