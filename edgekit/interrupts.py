"""Repeats Ctrl-C if a library swallows it.

A ``KeyboardInterrupt`` that Python raises in a callback of C code, or while an extension module is imported, can be
lost: the command would continue, or fail with a meaningless error.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

_REMINDER_SECONDS = 0.3

_pressed = threading.Event()
#: Set once Ctrl-C has been handled, so that a pending reminder does not interrupt Python's shutdown.
_has_arrived = threading.Event()


def watch() -> None:
    """Raise ``KeyboardInterrupt`` on Ctrl-C, and repeat it until it is handled; call this in the main thread."""
    # If the parent started the command with SIGINT ignored, as nohup does, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _press)
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, _remind)


def pressed() -> bool:
    """Whether Ctrl-C was pressed; later failures are then caused by it."""
    return _pressed.is_set()


def arrived() -> None:
    """Stop the reminders and let the command end with its own exit code."""
    _has_arrived.set()
    _remind_every(0)
    # If Ctrl-C passed through code run by exec, which dataclasses use, CPython records it as unhandled, and
    # ``python -m`` would end by SIGINT whatever the exit code. Another call of exec resets this record.
    exec("")


def _press(_number: int, _frame: FrameType | None) -> None:
    _pressed.set()
    _has_arrived.clear()
    _remind_every(_REMINDER_SECONDS)
    raise KeyboardInterrupt


def _remind_every(seconds: float) -> None:
    # Windows does not have this timer.
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)


def _remind(_number: int, _frame: FrameType | None) -> None:
    # Cleanup code that runs during an exception is not interrupted.
    if sys.exc_info()[0] is None and not _has_arrived.is_set():
        raise KeyboardInterrupt
