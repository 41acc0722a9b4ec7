"""Checks whether this machine has everything that edgekit needs, and whether anything would make it slow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.interpreters import tflite_c


@dataclass(frozen=True, slots=True)
class Check:
    """Result of the check of one part of the machine.

    Attributes:
        name: Name of the part.
        status: "ok", "slow", "missing", "broken", or "not installed" for an optional part.
        found: Version, or description of the problem.
        fix: Command or advice that fixes the problem; empty if there is none.
        required: Whether the user's aim needs the part.
    """

    name: str
    status: str
    found: str
    fix: str
    required: bool

    @property
    def exit_code(self) -> int:
        """0, or the exit code of an error if a required part is missing or broken."""
        return EdgekitError.exit_code if self.required and self.status in {"missing", "broken"} else 0

    def to_dict(self) -> dict[str, object]:
        """The check as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Package:
    """A distribution, and the import that proves that it works, which is empty if its presence suffices."""

    name: str
    proof: str
    install: str


@dataclass(frozen=True, slots=True)
class _Program:
    """A program, and the command that installs it."""

    name: str
    install: str


_PACKAGES = (
    _Package("edgekit-runtime", "", "pip install edgekit-runtime"),
    _Package("edgekit-converters", "", "pip install edgekit-converters"),
    _Package("numpy", "import numpy", "pip install numpy"),
    _Package("tensorflow", "import tensorflow", "pip install 'tensorflow>=2.18'"),
    _Package("keras", "", "pip install 'keras>=3.15.1'"),
    _Package("h5py", "import h5py", "pip install h5py"),
    _Package("litert-quantizer", "import litert_quantizer.quantizer", "pip install litert-quantizer"),
    _Package("ai-edge-litert", "import ai_edge_litert.interpreter", "pip install ai-edge-litert"),
    _Package("pillow", "import PIL.Image", "pip install pillow"),
    _Package("scikit-learn", "", "pip install scikit-learn"),
    _Package("matplotlib", "", "pip install matplotlib"),
)
#: Shown for every aim but never required, because LiteRT has the same function.
_OPTIONAL = _Package("tflite-runtime", "import tflite_runtime.interpreter", "pip install tflite-runtime 'numpy<2'")
#: Parts that an aim needs in addition to those of a conversion.
_FOR_AIMS: dict[str, tuple[_Package | _Program, ...]] = {
    "device": (_Program("ssh", "apt install openssh-client"), _Program("apt-get", ""), _Program("dpkg-deb", "")),
    "torch": (
        _Package("torch", "import torch.export", "pip install 'edgekit[torch]'"),
        _Package("litert-torch", "import litert_torch", "pip install 'edgekit[torch]'"),
    ),
    "cluster": (_Package("distributed", "import distributed", "pip install 'edgekit[cluster]'"),),
    "studio": (
        _Package("starlette", "import starlette.applications", "pip install 'edgekit[studio]'"),
        _Package("uvicorn", "import uvicorn", "pip install 'edgekit[studio]'"),
    ),
}
AIMS = tuple(_FOR_AIMS)
#: Loads the library that the first argument names.
_LOAD_C_LIBRARY = """\
import sys
from edgekit_runtime.errors import InterpreterError
from edgekit_runtime.interpreters.tflite_c import open_interpreter
try:
    open_interpreter(sys.argv[1])
except InterpreterError as error:
    sys.exit(f"{error.problem} {error.received}")
"""

_LEAST_FREE_BYTES = 500_000_000
_LEAST_MEMORY_BYTES = 2_000_000_000
_IMPORT_TIMEOUT_S = 120
#: An import from a local disk takes a fifth of this time.
_SLOW_IMPORT_S = 15


def examine(aim: str | None = None) -> Iterator[Check]:
    """Check each part; packages are imported in parallel, each in a separate process.

    Args:
        aim: One of ``AIMS``, whose parts become required, or None for conversions only.
    """
    for_aim = _FOR_AIMS[aim] if aim else ()
    probes: list[Callable[[], Check]] = [
        _python,
        *(lambda part=part: _examine_part(part, required=True) for part in (*_PACKAGES, *for_aim)),
        lambda: _examine_part(_OPTIONAL, required=False),
        _c_library,
        _processors,
        _memory,
        _disk,
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        running = [pool.submit(probe) for probe in probes]
        try:
            yield from (each.result() for each in running)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info >= (3, 10)
    return Check("Python", "ok" if fits else "broken", version, "" if fits else "install Python 3.10 or newer", True)


def _examine_part(part: _Package | _Program, required: bool) -> Check:
    return _program(part) if isinstance(part, _Program) else _package(part, required)


def _program(program: _Program) -> Check:
    path = shutil.which(program.name)
    if path is None:
        return Check(program.name, "missing", "", program.install or "use Debian, Ubuntu or a system like them", True)
    return Check(program.name, "ok", path, "", True)


def _package(package: _Package, required: bool) -> Check:
    try:
        version = metadata.version(package.name)
    except metadata.PackageNotFoundError:
        status = "missing" if required else "not installed"
        return Check(package.name, status, "", package.install if required else "", required)
    started = time.monotonic()
    failure = _import_failure(package.proof) if package.proof else ""
    if failure:
        return Check(package.name, "broken", f"{version}: {failure}", package.install, required)
    seconds = time.monotonic() - started
    if seconds > _SLOW_IMPORT_S:
        fix = "every conversion waits for this import: close busy programs, or install edgekit on a local disk"
        return Check(package.name, "slow", f"{version}, imported in {seconds:.0f} s", fix, required)
    return Check(package.name, "ok", version, "", required)


def _c_library() -> Check:
    """The TensorFlow Lite C library, which is optional, and which no package's metadata describe."""
    path = tflite_c.find()
    if path is None:
        return Check("tflite-c", "not installed", "", "", False)
    failure = _import_failure(_LOAD_C_LIBRARY, path)
    if failure:
        return Check("tflite-c", "broken", f"{path}: {failure}", tflite_c.INSTALL, False)
    return Check("tflite-c", "ok", f"{tflite_c.open_interpreter(path).version}, {path}", "", False)


def _import_failure(proof: str, *arguments: str) -> str:
    """The reason why an import fails, or an empty string; a crash of native code ends only the child process."""
    command = [sys.executable, "-c", proof, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"the import did not end within {_IMPORT_TIMEOUT_S} s"
    if done.returncode < 0:
        return f"the import crashes (signal {-done.returncode}); this processor may lack what it was built for"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["the import fails"])[-1]
    return ""


def _processors() -> Check:
    # This process may be restricted to some of the cores.
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if count < 2:
        return Check(
            "processors", "slow", str(count), "use a machine with two or more: calibration spreads over them", True
        )
    return Check("processors", "ok", str(count), "", True)


def _memory() -> Check:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return Check("memory", "ok", "not known on this system", "", True)
    if total < _LEAST_MEMORY_BYTES:
        return Check(
            "memory", "slow", f"{total / 1e9:.1f} GB", "use a machine with 2 GB or more: TensorFlow will swap", True
        )
    return Check("memory", "ok", f"{total / 1e9:.1f} GB", "", True)


def _disk() -> Check:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        fix = f"free some space in {folder}, or set TMPDIR to another folder"
        return Check("temporary files", "broken", f"{free / 1e6:.0f} MB free", fix, True)
    return Check("temporary files", "ok", f"{free / 1e9:.1f} GB free", "", True)
