"""Downloads published wheels for another architecture with the pip of this environment."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from edgekit.devices.emulation.commands import DeviceUnavailableError, run


def fetch_wheels(requirements: Sequence[str], platforms: Sequence[str], python_version: str, folder: Path) -> None:
    """Download wheels without their dependencies and unpack them into ``folder``.

    Args:
        requirements: Package names with versions.
        platforms: Tags of the compatible wheels; pip matches each tag literally.
        python_version: Python version, such as "3.11".
        folder: Folder on the device's import path.
    Raises:
        DeviceUnavailableError: pip, the network or a wheel is missing.
    """
    if importlib.util.find_spec("pip") is None:
        raise DeviceUnavailableError(
            "The Pi's wheels are fetched with pip, which is not in this environment.",
            next_step=f"{sys.executable} -m ensurepip",
        )
    with tempfile.TemporaryDirectory() as downloads:
        _download(requirements, platforms, python_version, downloads)
        for wheel in sorted(Path(downloads).glob("*.whl")):
            with zipfile.ZipFile(wheel) as content:
                content.extractall(folder)


def _download(requirements: Sequence[str], platforms: Sequence[str], python_version: str, folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={python_version}"]
    command += [f"--platform={tag}" for tag in platforms]
    run([*command, f"--dest={folder}", *requirements], doing="Fetching wheels (pip download)")
