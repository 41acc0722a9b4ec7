"""``edgekit push``: brings a model to devices, proves it there, and makes it the current version."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
@click.option("--name", required=True, help="Name to install it under, for edgekit_runtime.load(NAME).")
@click.option("--max-ms", type=click.FloatRange(min=0, min_open=True), help="Longest allowed prediction there, in ms.")
@click.option("--reload", default="", help="Command there that makes programs load the new version.")
@click.option("--health", default="", help="Command there; if it fails, the version before becomes current again.")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True, help="Number of versions to keep.")
@click.option("--allow-older", is_flag=True, help="Accept a lower release number than before.")
@click.option("--allow-unproven", is_flag=True, help="Accept a model without golden examples.")
@json_option
def command(
    model: Path,
    devices: tuple[str, ...],
    name: str,
    max_ms: float | None,
    reload: str,
    health: str,
    keep: int,
    allow_older: bool,
    allow_unproven: bool,
    as_json: bool,
) -> None:
    """Install MODEL, a .tflite, on each DEVICE.

    DEVICE is ssh:USER@HOST, as your own ssh knows it, or ssh:USER@HOST:PYTHON. Only what a device does not have yet is
    sent, and an interrupted transfer goes on where it broke off. There the file's digest, signature and structure are
    checked and its golden examples run; only then it becomes the current version. Exits with 1 if a device failed;
    that device keeps the version before.

    \b
    edgekit push model.tflite ssh:pi@kitchen ssh:pi@garage --name digits
    """
    from edgekit.deployment.push import PushOptions, push
    from edgekit.devices.ssh import SshDevice
    from edgekit.progress import progress_bar
    from edgekit.reports.terminal.deployment import print_switches
    from edgekit_runtime.packed_file.model_file import read_model_file

    found = [SshDevice.parse(device) for device in devices]
    options = PushOptions(max_ms, keep, allow_older, allow_unproven, reload, health)
    with progress_bar(f"Sending {model.name}", len(read_model_file(model)) * len(found)) as advance:
        switches = push(model, found, name, options, advance)
    report(
        lambda: {"name": name, "devices": [switch.to_dict() for switch in switches]},
        lambda: print_switches(name, switches),
        as_json=as_json,
        exit_code=0 if all(switch.passed for switch in switches) else 1,
    )
