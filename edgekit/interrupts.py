"""Ctrl-C, repeated where a library drops it.

A ``KeyboardInterrupt`` that Python raises in a callback of C code, or while a module of C code is imported, never
arrives: the command would go on, or fail with an error that says nothing.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

_REMINDER_SECONDS = 0.3

_pressed = threading.Event()
#: A reminder that is on its way already when Ctrl-C has arrived must not end Python's own shutdown.
_has_arrived = threading.Event()


def watch() -> None:
    """Raise ``KeyboardInterrupt`` at Ctrl-C, and again until it arrives. For the main thread of a command."""
    # A parent that starts the command with SIGINT ignored, as nohup does, wants it so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _press)
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, _remind)


def pressed() -> bool:
    """Whether Ctrl-C was pressed: what fails after it fails because of it."""
    return _pressed.is_set()


def arrived() -> None:
    """Stop reminding, and let the command end with its own exit code."""
    _has_arrived.set()
    _remind_every(0)
    # If Ctrl-C passed through code in a text, as dataclasses run it, CPython remembers it as unhandled: ``python -m``
    # would then end by SIGINT, whatever the exit code. Running other code in a text makes it forget.
    exec("")


def _press(_number: int, _frame: FrameType | None) -> None:
    _pressed.set()
    _has_arrived.clear()
    _remind_every(_REMINDER_SECONDS)
    raise KeyboardInterrupt


def _remind_every(seconds: float) -> None:
    # Windows has no such timer.
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def _remind(_number: int, _frame: FrameType | None) -> None:
    # What cleans up after an exception is not disturbed.
    if sys.exc_info()[0] is None and not _has_arrived.is_set():
        raise KeyboardInterrupt
