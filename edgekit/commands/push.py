"""``edgekit push``: brings a model to devices, proves it there, and makes it the current version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import exit_code_of, report
from edgekit_runtime.errors import UsageError

if TYPE_CHECKING:
    from edgekit.deployment.playbook import Waves
    from edgekit.deployment.push import PushOptions


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.argument("devices", nargs=-1, metavar="[DEVICE...]")
@click.option("--name", required=True, help="Name to install it under, for edgekit_runtime.load(NAME).")
@click.option("--max-ms", type=click.FloatRange(min=0, min_open=True), help="Longest allowed prediction there, in ms.")
@click.option("--reload", default="", help="Command there that makes programs load the new version.")
@click.option("--health", default="", help="Command there; if it fails, the version before becomes current again.")
@click.option("--keep", type=click.IntRange(min=1), default=3, show_default=True, help="Number of versions to keep.")
@click.option("--allow-older", is_flag=True, help="Accept a lower release number than before.")
@click.option("--allow-unproven", is_flag=True, help="Accept a model without golden examples.")
@click.option("--inventory", type=EXISTING_OR_NOT, help="Inventory of Ansible, instead of DEVICEs.")
@click.option(
    "--waves", default="1,10%,100%", show_default=True, help="Numbers or percentages of the inventory's hosts, in turn."
)
@click.option(
    "--max-fail-percentage",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="Percentage of a wave that may fail; if more do, it is rolled back and the push stops.",
)
@click.option("--forks", type=click.IntRange(min=1), default=5, show_default=True, help="Hosts served at once.")
@click.option("--check", is_flag=True, help="Change nothing on the inventory's hosts; say what would change.")
@click.option("--report", "report_path", type=EXISTING_OR_NOT, help="Write a report on the hosts: .html or .json.")
@click.option("--playbook-to", type=EXISTING_OR_NOT, help="Write the Ansible playbook to this folder; run nothing.")
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
    inventory: Path | None,
    waves: str,
    max_fail_percentage: int,
    forks: int,
    check: bool,
    report_path: Path | None,
    playbook_to: Path | None,
    as_json: bool,
) -> None:
    """Install MODEL, a .tflite, on each DEVICE.

    DEVICE is ssh:USER@HOST, as your own ssh knows it, or ssh:USER@HOST:PYTHON. Only what a device does not have yet is
    sent, and an interrupted transfer goes on where it broke off. There the file's digest, signature and structure are
    checked and its golden examples run; only then it becomes the current version. Exits with 1 if a device failed;
    that device keeps the version before.

    With --inventory, Ansible does this in waves (pip install 'edgekit[fleet]'). Exits with 3 if a wave stopped.

    \b
    edgekit push model.tflite ssh:pi@kitchen ssh:pi@garage --name digits
    edgekit push model.tflite --name digits --inventory hosts.yml --waves 1,10%
    """
    from edgekit.deployment.playbook import Waves
    from edgekit.deployment.push import PushOptions

    options = PushOptions(max_ms, keep, allow_older, allow_unproven, reload, health)
    steps = Waves(Waves.parse_sizes(waves), max_fail_percentage, forks)
    if playbook_to is not None:
        from edgekit.deployment.playbook import write_playbook

        write_playbook(playbook_to, model, name, options, steps)
        click.echo(f"Run it with: ansible-playbook -i hosts.yml {playbook_to / 'push.yml'}", err=True)
    elif inventory is not None and not devices:
        _push_to_fleet(model, inventory, name, options, steps, check, report_path, as_json)
    elif devices and inventory is None and report_path is None and not check:
        _push_to_devices(model, devices, name, options, as_json)
    else:
        raise UsageError(
            "Pass either DEVICEs or --inventory; --report and --check belong to --inventory.",
            next_step="edgekit push --help",
        )


def _push_to_fleet(
    model: Path,
    inventory: Path,
    name: str,
    options: PushOptions,
    waves: Waves,
    check: bool,
    report_path: Path | None,
    as_json: bool,
) -> None:
    from edgekit.deployment.fleet import push_to_fleet
    from edgekit.deployment.playbook import write_playbook
    from edgekit.reports.fleet import require_report_path, write_fleet_report
    from edgekit.reports.terminal.fleet import live_fleet, print_fleet
    from edgekit_converters.temporary_folders import temporary_folder

    if report_path is not None:
        require_report_path(report_path)
    with temporary_folder("playbook") as folder:
        write_playbook(folder, model, name, options, waves)
        try:
            with live_fleet() as show:
                done = push_to_fleet(folder, inventory, name, forks=waves.forks, check=check, show=show)
        except KeyboardInterrupt:
            click.echo("Each host has the version before or the new one; the same command goes on.", err=True)
            raise
    if report_path is not None:
        write_fleet_report(done, report_path)
    failed = any(host.error for host in done.hosts)
    report(
        done.to_dict,
        lambda: print_fleet(done),
        as_json=as_json,
        exit_code=exit_code_of(not done.stopped) or int(failed),
    )


def _push_to_devices(model: Path, devices: tuple[str, ...], name: str, options: PushOptions, as_json: bool) -> None:
    from edgekit.deployment.push import push
    from edgekit.devices.ssh import SshDevice
    from edgekit.progress import progress_bar
    from edgekit.reports.terminal.deployment import print_switches
    from edgekit_runtime.packed_file.model_file import read_model_file

    found = [SshDevice.parse(device) for device in devices]
    with progress_bar(f"Sending {model.name}", len(read_model_file(model)) * len(found)) as advance:
        switches = push(model, found, name, options, advance)
    report(
        lambda: {"name": name, "devices": [switch.to_dict() for switch in switches]},
        lambda: print_switches(name, switches),
        as_json=as_json,
        exit_code=0 if all(switch.passed for switch in switches) else 1,
    )
