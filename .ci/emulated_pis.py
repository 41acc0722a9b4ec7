"""The device runtime on emulated Raspberry Pis: its tests pass there, and answers agree with this machine's.

Part of ``.ci/run``; EDGEKIT_CACHE names the folder that the Pis are built in, which this adds pytest to.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

from edgekit.devices.emulation.catalogue import KINDS, PiKind
from edgekit.devices.emulation.commands import DeviceUnavailableError
from edgekit.devices.emulation.emulated_pi import EmulatedPi, create
from edgekit.devices.emulation.wheels import fetch_wheels

ROOT = Path(__file__).resolve().parent.parent
#: The campaigns of damaged files take minutes under emulation, and run natively on both interpreters.
LEFT_OUT = "not damage"
#: Not traced yet on emulated 32-bit ARM: generate() crashes tflite-runtime, which is refused. 10,000 texts take minutes
#: there. To save time, whole models of sound are left out, too: front end and resampling have tests of their own.
LEFT_OUT_TESTS = ("tests/runtime/text", "tests/runtime/sequences", "tests/runtime/sound/test_model.py")
TEST_TOOLS = ("pytest", "iniconfig", "packaging", "pluggy", "pygments")
MODELS = ("cnn_float32", "cnn_int8_io_float32", "many_operators")


def main() -> int:
    """Test each Pi; the exit code is 0 where nothing failed that could be had."""
    assert "EDGEKIT_CACHE" in os.environ, "name a folder that may be changed"
    return max(check(KINDS[name]) for name in ("pi-arm64", "pi-armhf"))


def check(kind: PiKind) -> int:
    """Build one Pi, run the runtime's tests on it, and print how its answers differ."""
    try:
        device = create(kind)
    except DeviceUnavailableError as error:
        print(f"== Left out: the runtime on an emulated {kind.name} ({error.problem} {error.received})", flush=True)
        return 0
    print(f"== The runtime on an emulated {kind.name} with {device.interpreter} (without its campaigns of damage)")
    sys.stdout.flush()
    packages = device.folder / "root" / "usr" / "lib" / "python3" / "dist-packages"
    pins = [f"{name}=={importlib.metadata.version(name)}" for name in TEST_TOOLS]
    fetch_wheels(pins, (*kind.platforms, "any"), kind.release.python_version, packages)
    runtime = packages / "edgekit_runtime"
    if not runtime.exists():
        runtime.symlink_to(ROOT / "runtime" / "edgekit_runtime")
    failed = run_tests(device)
    for processor in kind.processors:
        models = [str(ROOT / "tests" / "data" / "tflite" / f"{name}.tflite") for name in MODELS]
        command = ["edgekit", "devices", "check", kind.name, *models, "--random", "--cpu", processor]
        failed |= subprocess.run([sys.executable, "-m", *command], check=False, stderr=subprocess.DEVNULL).returncode
    return failed


def run_tests(device: EmulatedPi) -> int:
    """The runtime's tests, on the device's usual processor."""
    interpreter = device.interpreter.partition(" ")[0]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(device.launcher), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/runtime", "-k", LEFT_OUT]
    command += [f"--ignore={path}" for path in LEFT_OUT_TESTS]
    environment["EDGEKIT_TEST_INTERPRETER"] = interpreter
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
