"""``edgekit doctor``: what is installed, what is missing, and the command that fixes it."""

from __future__ import annotations

import click

from edgekit.commands.shared.options import json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.option(
    "--for",
    "aim",
    type=click.Choice(["device", "torch", "cluster", "studio"]),
    help="Also require what this aim needs: device (emulated Pis and SSH), torch (PyTorch programs), "
    "cluster (Dask) or studio (the page in the browser). "
    "[default: what a conversion needs]",
)
@json_option
def command(aim: str | None, as_json: bool) -> None:
    """Check this machine: Python, packages, interpreters.

    Names what is missing, broken or slow. Each interpreter is tried in a process of its own.

    Exits with 1 if something that is needed is missing or broken.
    """
    from edgekit.devices.workstation import examine
    from edgekit.progress import tracked
    from edgekit.reports.terminal.devices import print_workstation

    checks = list(tracked(examine(aim), "Looking at this machine", total=None))
    report(
        lambda: {"checks": [check.to_dict() for check in checks]},
        lambda: print_workstation(checks),
        as_json=as_json,
        exit_code=max(check.exit_code for check in checks),
    )
