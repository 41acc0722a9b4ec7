"""Finds the device that the user names."""

from __future__ import annotations

from pathlib import Path

from edgekit.devices.device import Device, PythonDevice, this_machine
from edgekit.devices.emulation.catalogue import KINDS, PiKind
from edgekit_runtime.errors import EdgekitError, UsageError


def find_devices(where: str, processors: tuple[str, ...] = ()) -> list[Device]:
    """Find the device that the user names, once for each processor to emulate.

    Args:
        where: ``here``, the name of an emulated Pi, ``ssh:USER@HOST`` or ``ssh:USER@HOST:PYTHON``, or the path of a
            Python.
        processors: Processors of an emulated Pi; empty uses its default.
    Raises:
        UsageError: The device does not exist, or does not have the processor.
        EdgekitError: The emulated Pi has not been built.
    """
    if where in KINDS:
        return list(emulated_devices(KINDS[where], processors))
    if processors:
        raise UsageError("--cpu is only for emulated Pis.", expected=" or ".join(KINDS), received=where)
    if where == "here":
        return [this_machine()]
    if where.startswith("ssh:"):
        from edgekit.devices.ssh import SshDevice

        return [SshDevice.parse(where)]
    if Path(where).is_file():
        return [PythonDevice(where, Path(where).absolute())]
    raise UsageError(
        f"The device {where} does not exist.",
        expected=f"{', '.join(KINDS)}, ssh:USER@HOST, here, or the path of a Python",
        next_step="edgekit devices list",
    )


def emulated_devices(kind: PiKind, processors: tuple[str, ...] = ()) -> list[PythonDevice]:
    """A built emulated Pi, once for each processor; see ``find_devices``."""
    from edgekit.devices.emulation.emulated_pi import find

    unknown = [name for name in processors if name not in kind.processors]
    if unknown:
        raise UsageError(
            f"{kind.name} has no processor {unknown[0]}.",
            expected=", ".join(kind.processors),
            next_step="choose the processor of a real Pi; others of qemu have different instructions and predictions",
        )
    built = find(kind)
    if built is None:
        raise EdgekitError(f"{kind.name} is not built yet.", next_step=f"edgekit devices create {kind.name}")
    return [
        PythonDevice(f"{kind.name} {processor}", built.launcher, {"QEMU_CPU": processor})
        for processor in processors or kind.processors[:1]
    ]
