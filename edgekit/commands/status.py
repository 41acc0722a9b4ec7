"""``edgekit status``: what is installed on devices."""

from __future__ import annotations

import click

from edgekit.commands.shared.options import json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
@json_option
def command(devices: tuple[str, ...], as_json: bool) -> None:
    """Show the models installed on each DEVICE.

    Prints version, release number, time of the switch, interpreter, last verification and temperature.

    Exits with 1 if a device cannot be asked or one of its models is damaged.

    \b
    edgekit status ssh:pi@kitchen ssh:pi@garage
    """
    from edgekit.deployment.push import read_status
    from edgekit.devices.ssh import SshDevice
    from edgekit.reports.terminal.deployment import print_installed

    models = read_status([SshDevice.parse(device) for device in devices])
    report(
        lambda: {"models": [model.to_dict() for model in models]},
        lambda: print_installed(models),
        as_json=as_json,
        exit_code=1 if any(model.error for model in models) else 0,
    )
