"""The runtimes that a model can be made for, and which operators each of them has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from edgekit_runtime.errors import UsageError

#: Runtime, Python and machines of each target, in the order they are shown; the first is the one a plain conversion
#: is made for.
_FACTS = {
    "litert": (
        "ai-edge-litert 2.x",
        "3.10–3.14 (2.0 and 2.1: 3.9, too)",
        "x86-64, 64-bit ARM; Raspberry Pi 3 and later with a 64-bit system",
    ),
    "litert-1.4": ("ai-edge-litert 1.4", "3.9–3.12", "x86-64, 64-bit ARM"),
    "tflite-runtime-2.14": (
        "tflite-runtime 2.14",
        "3.8–3.11, numpy 1",
        "x86-64, 64-bit and 32-bit ARM; Raspberry Pi OS Bookworm, not Bullseye",
    ),
    "tflite-runtime-2.5": (
        "tflite-runtime 2.5",
        "3.5–3.9",
        "x86-64, 64-bit and 32-bit ARM; the interpreter of Coral and of old Raspberry Pi images",
    ),
    "tflite-micro": ("TensorFlow Lite for Microcontrollers", "C++, no Python", "Cortex-M, ESP32, RISC-V, DSPs"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime of one version.

    Attributes:
        name: What ``--target`` takes.
        runtime: Package and version.
        python: Versions of Python it has wheels for.
        machines: Where it runs.
        measured_on: The very build that the operators were asked of.
        highest_versions: Builtin operators it has, with the highest version; None where it does not look at versions.
        types: For the operators that were asked, the types that their kernels take, of ``asked_types()``.
    """

    name: str
    runtime: str
    python: str
    machines: str
    measured_on: str
    highest_versions: Mapping[str, int | None]
    types: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "name": self.name,
            "runtime": self.runtime,
            "python": self.python,
            "machines": self.machines,
            "measured_on": self.measured_on,
            "operators": len(self.highest_versions),
            "highest_versions": dict(self.highest_versions),
            "types": {name: list(types) for name, types in self.types.items()},
        }


def target_names() -> tuple[str, ...]:
    """The names that ``find_target`` knows."""
    return tuple(_FACTS)


def find_target(name: str) -> Target:
    """The target of a name.

    Raises:
        UsageError: There is none.
    """
    if name not in _FACTS:
        raise UsageError(
            f"There is no target {name!r}.",
            expected=", ".join(_FACTS),
            received=name,
            next_step="edgekit targets lists them with the machines they are for",
        )
    versions, kernels = _table("operator_versions.json"), _table("operator_types.json")
    runtime, python, machines = _FACTS[name]
    return Target(
        name=name,
        runtime=runtime,
        python=python,
        machines=machines,
        measured_on=versions["measured_on"][name],
        highest_versions={operator: row[name] for operator, row in versions["highest_versions"].items() if name in row},
        types={operator: tuple(row[name]) for operator, row in kernels["types"].items() if row[name]},
    )


def asked_types() -> frozenset[str]:
    """The types that kernels were asked for; nothing is known of others."""
    return frozenset(_table("operator_types.json")["asked"])


@cache
def _table(file: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files(__package__).joinpath(file).read_text())
    return table
