"""The runtime's tests on every version of both interpreters that pip finds for the Pythons of this machine.

``python benchmarks/interpreter_versions.py [--all-pythons] [INTERPRETER[==VERSION] …] [--json]``: a fresh environment
for each, with the newest Python that has a wheel for it, or with ``--all-pythons`` one for each such Python. Prints
a table; exits with 1 where a test fails. Needs the Pythons on the path or under pyenv, and a package index.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.9")
PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}
BUILT_FOR_NUMPY_1 = ("1.0.0", "1.0.1", "1.1.0")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one environment.

    Attributes:
        interpreter: ``litert`` or ``tflite-runtime``.
        version: Its version.
        python: The Python's version.
        numpy: The version that pip chose; empty where nothing could be installed.
        result: pytest's last line, or the installer's.
        passed: Whether all tests passed.
    """

    interpreter: str
    version: str
    python: str
    numpy: str
    result: str
    passed: bool


def run(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it writes."""
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def find_python(version: str) -> Path | None:
    """An interpreter of Python of this version that can make environments."""
    found = shutil.which(f"python{version}")
    candidates = [Path(found)] if found else []
    candidates += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    program = f"import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for candidate in candidates:
        if run([candidate, "-c", program]).returncode == 0:
            return candidate
    return None


def versions_for(python: Path, package: str) -> list[str]:
    """The versions that pip finds for this Python, oldest first."""
    done = run([python, "-m", "pip", "index", "versions", package])
    found = re.search(r"Available versions: (.*)", done.stdout)
    return found.group(1).split(", ")[::-1] if found else []


def try_version(interpreter: str, version: str, python_version: str, python: Path) -> Outcome:
    """Install one version into a fresh environment and run the runtime's tests there."""
    package = PACKAGES[interpreter]
    numpy = "numpy<2" if interpreter == "tflite-runtime" or version in BUILT_FOR_NUMPY_1 else "numpy"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-m", "venv", folder], check=True, capture_output=True)
        own = str(Path(folder) / "bin" / "python")
        install = [own, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
        done = run([*install, f"{package}=={version}", numpy, "pytest"])
        if done.returncode:
            return Outcome(interpreter, version, python_version, "", done.stderr.strip().splitlines()[-1], False)
        numpy_version = run([own, "-c", "import numpy; print(numpy.__version__)"]).stdout.strip()
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "EDGEKIT_TEST_INTERPRETER": interpreter,
            # Not installed: its metadata would bring an interpreter of its own choice.
            "PYTHONPATH": str(TOP / "runtime"),
        }
        pytest = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TOP / "tests" / "runtime")]
        tests = run(pytest, env=environment, cwd=folder)
        lines = tests.stdout.strip().splitlines() or tests.stderr.strip().splitlines() or ["no output"]
        if tests.returncode:
            print(tests.stdout[-6000:], tests.stderr[-2000:], file=sys.stderr)
        return Outcome(interpreter, version, python_version, numpy_version, lines[-1], tests.returncode == 0)


def chosen(arguments: list[str], *, all_pythons: bool) -> list[tuple[str, str, str, Path]]:
    """Interpreter, version and Python of each environment to make."""
    pythons = {version: python for version in PYTHONS if (python := find_python(version))}
    wanted = []
    for interpreter, package in PACKAGES.items():
        places: dict[str, list[str]] = {}
        for python_version, python in pythons.items():
            for version in versions_for(python, package):
                places.setdefault(version, []).append(python_version)
        for version, python_versions in sorted(places.items(), key=lambda item: [int(n) for n in item[0].split(".")]):
            if arguments and interpreter not in arguments and f"{interpreter}=={version}" not in arguments:
                continue
            wanted += [(interpreter, version, p, pythons[p]) for p in python_versions[: None if all_pythons else 1]]
    return wanted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="*", metavar="INTERPRETER[==VERSION]")
    parser.add_argument("--all-pythons", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outcomes = []
    if not options.json:
        print("| interpreter | version | Python | numpy | result |\n|---|---|---|---|---|", flush=True)
    for interpreter, version, python_version, python in chosen(options.which, all_pythons=options.all_pythons):
        o = try_version(interpreter, version, python_version, python)
        outcomes.append(o)
        if not options.json:
            print(f"| {o.interpreter} | {o.version} | {o.python} | {o.numpy} | {o.result} |", flush=True)
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
