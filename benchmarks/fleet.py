"""Time of a push to the hosts of an inventory, as a ratio to as many single pushes one after the other.

    python benchmarks/fleet.py MODEL.tflite hosts.yml --name bench ssh:pi@kitchen ssh:pi@garage ...

The devices must be the hosts of the inventory, in any order. Each gets the model once under each of two names.
"""

from __future__ import annotations

import argparse
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
    start = time.monotonic()
    for device in options.devices:
        (switch,) = push(options.model, [device], f"{options.name}-single", PushOptions())
        assert switch.passed, switch.error
    single = time.monotonic() - start
    with temporary_folder("fleet-benchmark") as folder:
        name = f"{options.name}-fleet"
        write_playbook(folder, options.model, name, PushOptions(), Waves(("100%",)))
        start = time.monotonic()
        done = push_to_fleet(folder, options.inventory, name, forks=options.forks)
        fleet = time.monotonic() - start
    assert not done.stopped, [host.error for host in done.hosts]
    print(f"{len(options.devices)} hosts, {options.forks} forks: {fleet / single:.2f} times the single pushes")


if __name__ == "__main__":
    main()
