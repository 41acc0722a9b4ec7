"""``edgekit doctor``: what is installed, what is missing, and the command that fixes it."""

from __future__ import annotations

import click

from edgekit.commands.shared.options import json_option
from edgekit.commands.shared.reporting import report


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Check this machine: Python, packages, interpreters.

    Each interpreter is tried, in a process of its own.

    Exits with 1 where something that edgekit needs is missing or broken.
    """
    from edgekit.devices.workstation import examine
    from edgekit.progress import tracked
    from edgekit.reports.devices import print_workstation

    checks = list(tracked(examine(), "Looking at this machine", total=None))
    report(
        lambda: {"checks": [check.to_dict() for check in checks]},
        lambda: print_workstation(checks),
        as_json=as_json,
        exit_code=max(check.exit_code for check in checks),
    )
