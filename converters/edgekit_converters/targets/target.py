"""The runtimes that a model can be made for, and the operators that each of them has."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from edgekit_runtime.errors import UsageError
from edgekit_runtime.tflite.custom_operators import CUSTOM_OPERATORS


@dataclass(frozen=True, slots=True)
class TargetRecord:
    """All facts about a target except its kernels. No field has a default, so that none can be forgotten.

    Attributes:
        name: Value of ``--target``.
        runtime: Package and version.
        python: Versions of Python with wheels.
        machines: Machines that it runs on.
        first_unknown_type: First tensor type in the schema's order that it does not know; it rejects files that use
            one. None if it knows all, or if its kernels decide.
        needs_fixed_batch: Whether it cannot change shapes, so that a dynamic batch has to be fixed.
        custom_operators: Custom operators that it includes.
        is_noted: Whether a conversion without ``--target`` mentions what cannot run on it.
    """

    name: str
    runtime: str
    python: str
    machines: str
    first_unknown_type: str | None
    needs_fixed_batch: bool
    custom_operators: Collection[str]
    is_noted: bool


#: In the order of display; the first is the one that a conversion without ``--target`` is made for.
RECORDS = (
    TargetRecord(
        name="litert",
        runtime="ai-edge-litert 2.x",
        python="3.10–3.14 (2.0 and 2.1: 3.9, too)",
        machines="x86-64, 64-bit ARM; Raspberry Pi 3 and later with a 64-bit system",
        first_unknown_type=None,
        needs_fixed_batch=False,
        custom_operators=CUSTOM_OPERATORS,
        is_noted=True,
    ),
    TargetRecord(
        name="litert-1.4",
        runtime="ai-edge-litert 1.4",
        python="3.9–3.12",
        machines="x86-64, 64-bit ARM",
        first_unknown_type="int2",
        needs_fixed_batch=False,
        custom_operators=CUSTOM_OPERATORS,
        is_noted=False,
    ),
    TargetRecord(
        name="tflite-runtime-2.14",
        runtime="tflite-runtime 2.14",
        python="3.8–3.11, numpy 1",
        machines="x86-64, 64-bit and 32-bit ARM; Raspberry Pi OS Bookworm, not Bullseye",
        first_unknown_type="bfloat16",
        needs_fixed_batch=False,
        custom_operators=CUSTOM_OPERATORS,
        # The interpreter of many Raspberry Pis.
        is_noted=True,
    ),
    TargetRecord(
        name="tflite-c-2.17",
        runtime="TensorFlow Lite C library 2.17",
        python="3.9 and later, any numpy",
        machines="x86-64, 64-bit and 32-bit ARM; Raspberry Pi OS Bookworm and Trixie",
        first_unknown_type="int2",
        needs_fixed_batch=False,
        custom_operators=CUSTOM_OPERATORS,
        # The only interpreter for 32-bit Raspberry Pi OS Trixie.
        is_noted=True,
    ),
    TargetRecord(
        name="tflite-runtime-2.5",
        runtime="tflite-runtime 2.5",
        python="3.5–3.9",
        machines="x86-64, 64-bit and 32-bit ARM; the interpreter of Coral and of old Raspberry Pi images",
        first_unknown_type="uint16",
        needs_fixed_batch=False,
        custom_operators=CUSTOM_OPERATORS,
        is_noted=False,
    ),
    TargetRecord(
        name="tflite-micro",
        runtime="TensorFlow Lite for Microcontrollers",
        python="C++, no Python",
        machines="Cortex-M, ESP32, RISC-V, DSPs",
        first_unknown_type=None,
        needs_fixed_batch=True,
        custom_operators=frozenset(("CIRCULAR_BUFFER", "TFLite_Detection_PostProcess")),
        is_noted=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Target(TargetRecord):
    """One version of a runtime: its record, and what was measured about its kernels.

    Attributes:
        measured_on: The exact build whose operators were probed.
        highest_versions: Its builtin operators with the highest version; None if it does not check versions.
        types: Types that the kernels support, among ``probed_types()``, for operators that were probed.
    """

    measured_on: str
    highest_versions: Mapping[str, int | None]
    types: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
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
    """The names that ``find_target`` accepts."""
    return tuple(record.name for record in RECORDS)


def find_target(name: str) -> Target:
    """Find a target by its name.

    Raises:
        UsageError: There is no target of this name.
    """
    record = next((record for record in RECORDS if record.name == name), None)
    if record is None:
        raise UsageError(
            f"There is no target {name!r}.",
            expected=", ".join(target_names()),
            received=name,
            next_step="edgekit targets lists them with the machines they are for",
        )
    versions, kernels = _table("operator_versions.json"), _table("operator_types.json")
    return Target(
        **{field.name: getattr(record, field.name) for field in fields(record)},
        measured_on=versions["measured_on"][name],
        highest_versions={operator: row[name] for operator, row in versions["highest_versions"].items() if name in row},
        types={operator: tuple(row[name]) for operator, row in kernels["types"].items() if row[name]},
    )


def probed_types() -> frozenset[str]:
    """The types that kernels were probed for; nothing is known about other types."""
    return frozenset(_table("operator_types.json")["asked"])


@cache
def _table(file: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files(__package__).joinpath(file).read_text())
    return table
