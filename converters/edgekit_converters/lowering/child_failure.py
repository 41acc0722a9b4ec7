"""Explains how a child process ended that sent no response: finds the line of its stderr that names the cause."""

from __future__ import annotations

import re
import signal

from edgekit_converters.memory_limits import out_of_memory
from edgekit_runtime.errors import ConversionError

#: Most specific first; of several matches of one pattern, the last is closest to the end.
_CAUSES = (
    # Printed by the C++ runtime for an uncaught exception; its type is on the line before.
    re.compile(r"\s*what\(\):\s*(?P<cause>.+)"),
    re.compile(r"(?P<cause>LLVM ERROR: .+)"),
    # A failed CHECK of abseil or glog, preceded by date, thread and source location.
    re.compile(r"F\d{4} [^\]]*\]\s*(?P<cause>.+)"),
    re.compile(r".*?(?P<cause>(?:Check|Assertion) .*failed.*)"),
    # glibc's heap and stack checks.
    re.compile(r"(?P<cause>(?:free|malloc|realloc|calloc|munmap_chunk|double free|corrupted)\b.*|\*\*\* .+ \*\*\*.*)"),
    re.compile(r"(?P<cause>terminate called .+)"),
    re.compile(r"(?P<cause>Fatal Python error: .+)"),
    # Python ends a traceback with the exception, on a line that is not indented.
    re.compile(r"(?P<cause>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Iteration)(?:: .*)?)$"),
)
#: Stack frames, and the lines around them.
_FRAME = re.compile(r"\s|#\d|@|\d+\.\s|File |Traceback|Stack dump|PLEASE submit|Current thread|Thread 0x|$")
_OUT_OF_MEMORY = re.compile(r"bad_alloc|MemoryError|ResourceExhausted|out of memory|OOM|Cannot allocate memory", re.I)
_LONGEST_CAUSE = 300


def explain_ending(name: str, exit_code: int, stderr: str) -> ConversionError:
    """Return the error for a child process that ended without a response.

    Args:
        name: File name of the source.
        exit_code: As in ``subprocess``: negative for a signal.
        stderr: Everything that the process wrote to stderr.
    """
    if exit_code == -signal.SIGXCPU:
        return ConversionError(
            f"{name} computes without end: its process was stopped after half a minute or more of CPU time.",
            expected="a model that can be lowered, and run on an example, in that time",
            next_step="look for a loop whose condition never becomes false, or for huge constants that are computed",
        )
    cause = cause_of_exit(stderr)
    ending = f"signal {_signal_name(-exit_code)}" if exit_code < 0 else f"exit code {exit_code}"
    if _OUT_OF_MEMORY.search(cause):
        return out_of_memory(name, f"{ending}: {cause}")
    if exit_code == -signal.SIGKILL:
        next_step = "SIGKILL usually means that memory ran out: convert on a machine with more memory"
    else:
        next_step = "report it with what `edgekit inspect` shows of the model"
    return ConversionError(
        f"The process that lowers {name} ended without a result.",
        expected="a float .tflite",
        received=f"{ending}: {cause}" if cause else f"{ending}, without a message",
        next_step=next_step,
    )


def cause_of_exit(stderr: str) -> str:
    """Find the line that says why a process ended; empty if no line does."""
    lines = stderr.splitlines()
    for pattern in _CAUSES:
        found = [match["cause"] for line in lines if (match := pattern.match(line))]
        if found:
            return str(found[-1]).strip()[:_LONGEST_CAUSE]
    return next((line.strip()[:_LONGEST_CAUSE] for line in reversed(lines) if not _FRAME.match(line)), "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
