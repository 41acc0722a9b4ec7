"""Finds out in a child process whether an import would kill this one.

An interpreter that was built for another processor dies of an illegal instruction while it is imported, and no
Python code can catch that. The child is asked once for each installation and processor; that it lived is
remembered as an empty file in the user's cache folder, and the next start pays for a look at that file alone.
"""

from __future__ import annotations

import os
import sys

_FATAL = {"SIGILL": "needs instructions that this processor does not have", "SIGSEGV": "", "SIGBUS": "", "SIGABRT": ""}


def death_of_import(module: str, origin: str) -> str | None:
    """How a process dies that imports ``module``, ``None`` where it does not, or where that cannot be asked.

    Args:
        module: The module's full name.
        origin: The file of its package; a newer file is asked about again.
    """
    executable = sys.executable or ""
    # In a frozen or embedded Python this is another program, and starting it could do anything.
    if module in sys.modules or getattr(sys, "frozen", False) or "python" not in os.path.basename(executable):
        return None
    marker = _marker(module, origin)
    if not marker or os.path.exists(marker):
        return None
    try:
        # If the answer cannot be kept every start would have to ask, which takes as long as the import itself.
        os.makedirs(os.path.dirname(marker), exist_ok=True)
        death = _ask(executable, module)
        if death is None:
            with open(marker, "w"):
                pass
    except OSError:
        return None
    return death


def _ask(executable: str, module: str) -> str | None:
    import signal
    import subprocess

    try:
        code = subprocess.run(
            [executable, "-c", f"import {module}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None
    name = signal.Signals(-code).name if -code in set(signal.Signals) else ""
    return f"{_FATAL[name] or 'crashes'} ({name})" if name in _FATAL else None


def _marker(module: str, origin: str) -> str:
    """The file that stands for "lived", empty if it cannot be said what it would stand for."""
    try:
        # Not buffered: the kernel writes this file while it is read, a part for each core.
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            lines = file.read(8192).splitlines()
        instructions = next(line for line in lines if line.startswith((b"flags", b"Features")))
        installed = f"{origin} {os.stat(origin).st_mtime_ns} {sys.version}".encode()
    except (OSError, StopIteration):
        return ""
    # A checksum as good as any, and the modules with others take 0.3 ms to load.
    key = int.from_bytes(installed + instructions, "big") % (2**127 - 1)
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(folder, "edgekit", f"{module}-{key:x}")
