"""``edgekit rollback``: returns to the version before on devices."""

from __future__ import annotations

import click

from edgekit.commands.shared.options import json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("name")
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
@json_option
def command(name: str, devices: tuple[str, ...], as_json: bool) -> None:
    """Return to the version of NAME before, on each DEVICE.

    This is the version that was current when the current one was installed.

    Its golden examples are run there first. Exits with 1 if a device failed.

    \b
    edgekit rollback digits ssh:pi@kitchen
    """
    from edgekit.deployment.push import roll_back
    from edgekit.devices.ssh import SshDevice
    from edgekit.reports.terminal.deployment import print_switches

    switches = roll_back([SshDevice.parse(device) for device in devices], name)
    report(
        lambda: {"name": name, "devices": [switch.to_dict() for switch in switches]},
        lambda: print_switches(name, switches),
        as_json=as_json,
        exit_code=0 if all(switch.passed for switch in switches) else 1,
    )
