"""Bars on a terminal: closed before an error is printed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

_PROGRAM = """
import click
from edgekit.cli import EdgekitGroup
from edgekit.progress import tracked
from edgekit_runtime.errors import EdgekitError

@click.command("boom")
def boom():
    for item in tracked([1], "Working", total=1):
        raise EdgekitError("It broke.")

class Boom(EdgekitGroup):
    def get_command(self, ctx, name):
        return boom

Boom("edgekit")(["bench"])
"""


def test_a_bar_is_taken_off_the_terminal_before_the_error() -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    output = b""
    # A pseudo-terminal whose other end is closed gives an error in the place of an end.
    while piece := _read(ours):
        output += piece
    os.close(ours)
    assert done.wait(timeout=60) == 1, output
    text = output.decode()
    bar, _, error = text.rpartition("Working")
    assert bar.count("\x1b") or "━" in error
    before, _, _ = error.partition("Error: It broke.")
    # The line of the bar is erased: the error stands alone.
    assert "\x1b[2K" in before
    assert before.rindex("\x1b[2K") > before.rindex("━")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
