"""What this machine has of what edgekit needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the machine and its state.

    Attributes:
        name: The part.
        status: "ok", "missing", "broken", or "not installed" for what only some need.
        found: Version, or what went wrong.
        mend: The command that fixes it; empty if nothing is wrong.
        required: Whether edgekit's main job needs it.
    """

    name: str
    status: str
    found: str
    mend: str
    required: bool

    @property
    def exit_code(self) -> int:
        """0, or that of an error if something that edgekit needs is missing or broken."""
        return EdgekitError.exit_code if self.status in {"missing", "broken"} else 0

    def to_dict(self) -> dict[str, object]:
        """The check as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Package:
    """A distribution and the import that proves that it runs; empty where presence is enough."""

    name: str
    proof: str
    required: bool
    install: str


_PACKAGES = (
    _Package("edgekit-runtime", "", True, "pip install edgekit-runtime"),
    _Package("edgekit-converters", "", True, "pip install edgekit-converters"),
    _Package("numpy", "import numpy", True, "pip install numpy"),
    _Package("tensorflow", "import tensorflow", True, "pip install 'tensorflow>=2.18'"),
    _Package("keras", "", True, "pip install 'keras>=3.15.1'"),
    _Package("h5py", "import h5py", True, "pip install h5py"),
    _Package("litert-quantizer", "import litert_quantizer.quantizer", True, "pip install litert-quantizer"),
    _Package("ai-edge-litert", "import ai_edge_litert.interpreter", True, "pip install ai-edge-litert"),
    _Package("tflite-runtime", "import tflite_runtime.interpreter", False, "pip install tflite-runtime 'numpy<2'"),
    _Package("pillow", "import PIL.Image", True, "pip install pillow"),
    _Package("scikit-learn", "", True, "pip install scikit-learn"),
    _Package("matplotlib", "", True, "pip install matplotlib"),
)
_LEAST_FREE_BYTES = 500_000_000
_IMPORT_TIMEOUT_S = 120


def examine() -> Iterator[Check]:
    """Look at one part after another; importing each package in a process of its own."""
    yield _python()
    for package in _PACKAGES:
        yield _package(package)
    yield _disk()


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = sys.version_info >= (3, 10)
    return Check("Python", "ok" if fits else "broken", version, "" if fits else "install Python 3.10 or newer", True)


def _package(package: _Package) -> Check:
    try:
        version = metadata.version(package.name)
    except metadata.PackageNotFoundError:
        status = "missing" if package.required else "not installed"
        return Check(package.name, status, "", package.install if package.required else "", package.required)
    failure = _import_failure(package.proof) if package.proof else ""
    if failure:
        return Check(package.name, "broken", f"{version}: {failure}", package.install, package.required)
    return Check(package.name, "ok", version, "", package.required)


def _import_failure(proof: str) -> str:
    """Why an import fails, or an empty text; a crash of native code ends only the child."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", proof], capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the import did not end within {_IMPORT_TIMEOUT_S} s"
    if done.returncode < 0:
        return f"the import crashes (signal {-done.returncode}); this processor may lack what it was built for"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["the import fails"])[-1]
    return ""


def _disk() -> Check:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        mend = f"free some space in {folder}, or set TMPDIR to another folder"
        return Check("temporary files", "broken", f"{free / 1e6:.0f} MB free", mend, True)
    return Check("temporary files", "ok", f"{free / 1e9:.1f} GB free", "", True)
