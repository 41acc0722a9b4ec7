"""Determines in a child process whether an import would crash this process.

Importing an interpreter that was built for another processor crashes with an illegal instruction, which Python code
cannot catch. The import is therefore tried in a child process, once per installation and processor. If the child
survives, an empty file in the user's cache folder records that, and later starts only check that the file exists.
"""

from __future__ import annotations

import os
import sys

_FATAL = {"SIGILL": "needs instructions that this processor does not have", "SIGSEGV": "", "SIGBUS": "", "SIGABRT": ""}


def crash_of_import(module: str, origin: str) -> str | None:
    """Describe how a process that imports ``module`` crashes; ``None`` if it does not, or if that cannot be tested.

    Args:
        module: Full name of the module.
        origin: File of its package; a newer file is tested again.
    """
    executable = sys.executable or ""
    # In a frozen or embedded Python, the executable is another program, and starting it could do anything.
    if module in sys.modules or getattr(sys, "frozen", False) or "python" not in os.path.basename(executable):
        return None
    marker = _marker(module, origin)
    if not marker or os.path.exists(marker):
        return None
    try:
        # If the result cannot be saved, every start would repeat the test, which takes as long as the import itself.
        os.makedirs(os.path.dirname(marker), exist_ok=True)
        crash = _import_in_child(executable, module)
        if crash is None:
            with open(marker, "w"):
                pass
    except OSError:
        return None
    return crash


def _import_in_child(executable: str, module: str) -> str | None:
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
    """Path of the file that records a successful import; empty if installation or processor cannot be identified."""
    try:
        # Not buffered: the kernel generates this file while it is read, one section per core.
        with open("/proc/cpuinfo", "rb", buffering=0) as file:
            lines = file.read(8192).splitlines()
        instructions = next(line for line in lines if line.startswith((b"flags", b"Features")))
        installed = f"{origin} {os.stat(origin).st_mtime_ns} {sys.version}".encode()
    except (OSError, StopIteration):
        return ""
    # This checksum is sufficient here; importing a module with a better one would take 0.3 ms.
    key = int.from_bytes(installed + instructions, "big") % (2**127 - 1)
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(folder, "edgekit", f"{module}-{key:x}")
