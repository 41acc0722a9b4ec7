"""Determines in a child process whether loading an interpreter would crash this process.

Loading an interpreter that was built for another processor crashes with an illegal instruction, which Python code
cannot catch. It is therefore tried in a child process, once per installation and processor. If the child
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
    return None if module in sys.modules else crash_of(module, f"import {module}", origin)


def crash_of(name: str, program: str, origin: str) -> str | None:
    """Describe how a process that runs ``program`` crashes; ``None`` if it does not, or if that cannot be tested.

    Args:
        name: Name of what is loaded, which identifies it in the cache folder.
        program: Python program that loads it; ``sys.argv[1]`` is ``origin``.
        origin: File that is loaded; a newer file is tested again.
    """
    executable = sys.executable or ""
    # In a frozen or embedded Python, the executable is another program, and starting it could do anything.
    if getattr(sys, "frozen", False) or "python" not in os.path.basename(executable):
        return None
    marker = _marker(name, origin)
    if not marker or os.path.exists(marker):
        return None
    try:
        # If the result cannot be saved, every start would repeat the test, which takes as long as the import itself.
        os.makedirs(os.path.dirname(marker), exist_ok=True)
        crash = _run_in_child([executable, "-c", program, origin])
        if crash is None:
            with open(marker, "w"):
                pass
    except OSError:
        return None
    return crash


def _run_in_child(command: list[str]) -> str | None:
    import signal
    import subprocess

    try:
        code = subprocess.run(
            command,
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


def _marker(name: str, origin: str) -> str:
    """Path of the file that records a success; empty if installation or processor cannot be identified."""
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
    return os.path.join(folder, "edgekit", f"{name}-{key:x}")
