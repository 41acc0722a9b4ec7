"""``edgekit keygen``: makes a key pair for signing models."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("key", type=EXISTING_OR_NOT)
@json_option
def command(key: Path, as_json: bool) -> None:
    """Write a new Ed25519 key to KEY and its public key next to it.

    The public key is for the devices. KEY is not encrypted and is readable by its owner only; keep it private.

    \b
    edgekit keygen key.pem      # writes key.pem and key.pub.pem
    edgekit sign model.tflite --key key.pem
    """
    from edgekit.artifacts.signing import make_keys
    from edgekit.reports.terminal.artifacts import print_keys

    private, public = make_keys(key)
    report(
        lambda: {"private_key": str(private), "public_key": str(public)},
        lambda: print_keys(private, public),
        as_json=as_json,
    )
