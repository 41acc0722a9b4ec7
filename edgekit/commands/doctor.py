"""``edgekit doctor``: what is installed, what is missing, and the command that mends it."""

from __future__ import annotations

import click

from edgekit.commands.options import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Check this machine: Python, packages, interpreters.

    Each interpreter is tried, in a process of its own.

    Exits with 1 where something that edgekit needs is missing or broken.
    """
    from edgekit.devices.workstation import examine
    from edgekit.progress import tracked
    from edgekit.reports.tables import print_json, print_table

    checks = list(tracked(examine(), "Looking at this machine", total=None))
    if as_json:
        print_json({"checks": [check.to_dict() for check in checks]})
    else:
        rows = [(check.name, check.status, check.found, check.mend) for check in checks]
        print_table("This machine", ("part", "status", "found", "to fix it"), rows)
    if any(check.status in ("missing", "broken") for check in checks):
        click.get_current_context().exit(1)
