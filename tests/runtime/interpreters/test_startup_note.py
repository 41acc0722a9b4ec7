"""Tests the interpreter's start-up note in separate processes, because native code writes it once per process."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit_runtime.interpreters.choosing import choose_interpreter

#: Allocates a float model, and writes a line to stderr from native code before and after.
PROGRAM = """
import os, sys
import edgekit_runtime
from edgekit_runtime.interpreters import startup_note
if sys.argv[2] == "program":
    startup_note.keep_off_stderr()
os.write(2, b"before\\n")
edgekit_runtime.load(sys.argv[1])
os.write(2, b"after\\n")
"""


def stderr_of(*command: str) -> str:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True).stderr


def test_a_program_keeps_the_note_away_and_nothing_else(tflite_folder: Path) -> None:
    model = str(tflite_folder / "dense_float32.tflite")
    assert stderr_of("-c", PROGRAM, model, "program") == "before\nafter\n"


def test_a_library_s_user_gets_what_native_code_writes(tflite_folder: Path) -> None:
    choice = choose_interpreter()
    if platform.machine() == "armv7l" or (choice.name == "tflite-runtime" and choice.version.startswith("2.7.")):
        pytest.skip("tflite-runtime 2.7 and the one for 32-bit ARM take no XNNPACK delegate, and write no note")
    # If interpreters no longer write the note, the tested module is obsolete.
    shown = stderr_of("-c", PROGRAM, str(tflite_folder / "dense_float32.tflite"), "library")
    assert "XNNPACK delegate" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_closed_stderr_is_no_error(tflite_folder: Path) -> None:
    model = tflite_folder / "dense_float32.tflite"
    command = f"'{sys.executable}' -m edgekit_runtime verify '{model}' 2>&-"
    # The model has no golden examples, which is an error but not a crash.
    assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 1


def test_the_device_s_command_line(tflite_folder: Path) -> None:
    model = str(tflite_folder / "dense_float32.tflite")
    assert stderr_of("-m", "edgekit_runtime", "bench", model, "--runs", "2", "--warmup", "0", "--threads", "1") == ""
