"""What a child process wrote before it ended, down to the line with the cause."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from edgekit_converters.lowering import LoweringProcess, LoweringRequest
from edgekit_converters.lowering.child_failure import cause_of_exit, explain_ending
from edgekit_runtime.errors import ConversionError

STACK = "".join(f" #{number} 0x00007f0000{number:04x} mlir::Operation::fold(...)\n" for number in range(9))

PYTHON = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
Traceback (most recent call last):
  File "child.py", line 12, in main
    description.signatures[0]
    ~~~~~~~~~~~~~~~~~~~~~~^^^
IndexError: tuple index out of range
"""
CHAINED = (
    PYTHON
    + """
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "child.py", line 14, in main
    raise tensorflow.errors.InternalError(None, None, "the second")
tensorflow.python.framework.errors_impl.InternalError: the second
"""
)


@pytest.mark.parametrize(
    ("stderr", "cause"),
    [
        pytest.param(PYTHON, "IndexError: tuple index out of range", id="python"),
        pytest.param(CHAINED, "tensorflow.python.framework.errors_impl.InternalError: the second", id="python-chained"),
        pytest.param(
            "python: mlir/lib/IR/Types.cpp:61: Type cast(): Assertion `isa<To>(Val)' failed.\n"
            "PLEASE submit a bug report to the authors.\nStack dump:\n0.\tProgram arguments: python child.py\n" + STACK,
            "Assertion `isa<To>(Val)' failed.",
            id="llvm-assertion",
        ),
        pytest.param(
            "LLVM ERROR: Failed to infer result type(s).\n" + STACK,
            "LLVM ERROR: Failed to infer result type(s).",
            id="llvm",
        ),
        pytest.param(
            "F0000 00:00:1764300000.123456   12345 tensor_shape.cc:212] Check failed: size >= 0 (-3 vs. 0)\n"
            "*** Check failure stack trace: ***\n    @     0x7f00  absl::LogMessageFatal\n",
            "Check failed: size >= 0 (-3 vs. 0)",
            id="failed-check",
        ),
        pytest.param(
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
            "std::bad_alloc",
            id="c++-exception",
        ),
        pytest.param("free(): invalid pointer\n", "free(): invalid pointer", id="heap"),
        pytest.param("something the library says\n" + STACK, "something the library says", id="no-known-form"),
        pytest.param("", "", id="nothing"),
        pytest.param(STACK, "", id="frames-alone"),
    ],
)
def test_the_cause_is_the_line_that_names_it_and_not_the_end_of_the_stack(stderr: str, cause: str) -> None:
    assert cause_of_exit(stderr) == cause


@pytest.mark.parametrize(
    ("exit_code", "stderr", "is_memory"),
    [
        (-signal.SIGKILL, "", True),
        (-signal.SIGABRT, "what():  std::bad_alloc\n", True),
        (1, "MemoryError\n", True),
        (-signal.SIGABRT, "free(): invalid pointer\n", False),
        (-signal.SIGSEGV, "", False),
        (1, PYTHON, False),
    ],
)
def test_memory_is_named_only_if_it_ran_out(exit_code: int, stderr: str, is_memory: bool) -> None:
    error = explain_ending("model.h5", exit_code, stderr)
    assert ("memory" in str(error)) == is_memory


def test_a_child_that_aborts_is_reported_with_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "python: shape.cc:61: rank(): Assertion `rank > 0' failed.\n" + STACK
    (tmp_path / "aborting.py").write_text(f"import os\nos.write(2, {words.encode()!r})\nos.abort()\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n")
    request = LoweringRequest(tmp_path / "model.h5", custom_objects=("aborting:Layer",))
    with pytest.raises(ConversionError) as failure, LoweringProcess(request) as process:
        process.result()
    assert failure.value.received == "signal SIGABRT: Assertion `rank > 0' failed."
    assert "memory" not in str(failure.value)
