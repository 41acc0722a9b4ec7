"""Time of a push to the hosts of an inventory, as a ratio to as many single pushes one after the other.

    python benchmarks/fleet.py MODEL.tflite hosts.yml --name bench ssh:pi@kitchen ssh:pi@garage ...

The devices must be the hosts of the inventory, in any order. Each gets the model once under each of two names.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

from edgekit.deployment.fleet import push_to_fleet
from edgekit.deployment.playbook import Waves, write_playbook
from edgekit.deployment.push import PushOptions, push
from edgekit.devices.ssh import SshDevice
from edgekit_converters.temporary_folders import temporary_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("inventory", type=Path)
    parser.add_argument("devices", nargs="+", type=SshDevice.parse)
    parser.add_argument("--name", default="bench")
    parser.add_argument("--forks", type=int, default=5)
    options = parser.parse_args()
    single = _Clock()
    for device in options.devices:
        (switch,) = push(options.model, [device], f"{options.name}-single", PushOptions())
        assert switch.passed, switch.error
    single.stop()
    with temporary_folder("fleet-benchmark") as folder:
        name = f"{options.name}-fleet"
        write_playbook(folder, options.model, name, PushOptions(), Waves(("100%",)))
        fleet = _Clock()
        done = push_to_fleet(folder, options.inventory, name, forks=options.forks)
        fleet.stop()
    assert not any(host.error for host in done.hosts), [host.error for host in done.hosts]
    ratio = fleet.seconds / single.seconds
    print(f"{len(options.devices)} hosts, {options.forks} forks: {ratio:.2f} times the single pushes")
    print(f"single pushes: {single}; fleet: {fleet}")


class _Clock:
    """Time, and processor time of this machine's own programs: not of devices, even if they are on this machine."""

    def __init__(self) -> None:
        self._started, self._used = time.monotonic(), self._processor_seconds()

    def stop(self) -> None:
        self.seconds = time.monotonic() - self._started
        self.processor_seconds = self._processor_seconds() - self._used

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.processor_seconds:.1f} s of a processor here"

    @staticmethod
    def _processor_seconds() -> float:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
