"""Chooses what a device needs: wheels for its Python, processor and C library, and Debian packages where none exist."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgekit_runtime.errors import EdgekitError

#: glibc versions, the second number of each, that wheels are built for.
_OLDEST_GLIBC, _NEWEST_GLIBC = 17, 60
_ARM64, _ARM32 = "aarch64", "armv7l"
#: ``uname -m`` of a 32-bit userland on a 64-bit kernel, and of older names, by the tag of wheels.
_MACHINES = {"aarch64": _ARM64, "arm64": _ARM64, "armv7l": _ARM32, "armv8l": _ARM32, "x86_64": "x86_64"}


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What a device says of its Python.

    Attributes:
        python: Version, such as (3, 11).
        machine: Processor architecture in the tags of wheels, such as ``aarch64``.
        glibc: Version of the C library, such as (2, 36); empty if it is another library.
        has_numpy: Whether Python finds numpy.
        free_bytes: Free space in the user's home.
    """

    python: tuple[int, int]
    machine: str
    glibc: tuple[int, ...]
    has_numpy: bool
    free_bytes: int

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> DeviceFacts:
        """Read the answer of a device, without trusting it.

        Raises:
            ValueError: A field is missing or has another type.
        """
        python, glibc = answer.get("python"), answer.get("glibc")
        machine, is_64_bit = answer.get("machine"), answer.get("is_64_bit")
        free_bytes = answer.get("free_bytes")
        for numbers in (python, glibc):
            if not isinstance(numbers, list) or not all(type(part) is int and 0 <= part < 1000 for part in numbers):
                raise ValueError(f"a version {numbers!r:.60}")
        if not isinstance(python, list) or len(python) != 2 or not isinstance(machine, str) or len(machine) > 40:
            raise ValueError(f"Python {python!r:.60} on {machine!r:.60}")
        if type(free_bytes) is not int:
            raise ValueError(f"free bytes {free_bytes!r:.60}")
        # A 32-bit userland may run on a 64-bit kernel.
        tag = _MACHINES.get(machine, machine)
        tag = _ARM32 if tag == _ARM64 and not is_64_bit else tag
        return cls((python[0], python[1]), tag, tuple(glibc or ()), answer.get("has_numpy") is True, free_bytes)


@dataclass(frozen=True, slots=True)
class DevicePackages:
    """What a device gets.

    Attributes:
        wheels: Requirements for pip.
        platforms: Tags of compatible wheels; pip matches each tag literally.
        python_version: Version of the device's Python, for pip.
        debian: Debian packages that are missing there.
    """

    wheels: tuple[str, ...]
    platforms: tuple[str, ...]
    python_version: str
    debian: tuple[str, ...]


def packages_for(facts: DeviceFacts) -> DevicePackages:
    """Choose the packages for a device.

    Raises:
        EdgekitError: No interpreter exists for it.
    """
    if facts.machine not in _MACHINES.values() or not facts.glibc or facts.python < (3, 9):
        version = ".".join(map(str, facts.python))
        raise EdgekitError(
            "No interpreter has wheels for this device.",
            expected="Python 3.9 or later on x86_64, aarch64 or armv7l, with glibc (Raspberry Pi OS, Debian, Ubuntu)",
            received=f"Python {version} on {facts.machine}{'' if facts.glibc else ', with another C library (musl?)'}",
            next_step="use a Debian-based system on the device, or a container image of one",
        )
    newest = min(facts.glibc[1] if facts.glibc[0] == 2 else math.inf, _NEWEST_GLIBC)
    platforms = tuple(f"manylinux_2_{minor}_{facts.machine}" for minor in range(_OLDEST_GLIBC, int(newest) + 1))
    platforms += (f"manylinux2014_{facts.machine}", "any")
    is_arm32 = facts.machine == _ARM32
    if is_arm32:
        interpreter = "tflite-runtime>=2.14" if facts.python < (3, 12) else "pymicro-wakeword>=2.5"
    else:
        interpreter = "ai-edge-litert>=2.1" if facts.python >= (3, 10) else "tflite-runtime>=2.14"
    # NumPy has no wheels for 32-bit ARM, so Debian's package is used; tflite-runtime needs numpy 1.
    numpy = () if is_arm32 else ("numpy<2",) if interpreter.startswith("tflite-runtime") else ("numpy>=1.26",)
    return DevicePackages(
        wheels=(interpreter, *numpy),
        platforms=platforms,
        python_version=".".join(map(str, facts.python)),
        debian=("python3-numpy",) if is_arm32 and not facts.has_numpy else (),
    )
