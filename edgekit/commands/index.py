"""``edgekit index``: a signed index of models that devices pull from."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report

_key_option = click.option("--key", type=EXISTING_OR_NOT, required=True, help="PEM file of an Ed25519 private key.")
_days_option = click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True, max=3650),
    default=30,
    show_default=True,
    help="Days until devices refuse the index unless it is refreshed.",
)


@click.group()
def command() -> None:
    """Publish models for devices that pull them.

    The index is a folder of static files for any web server, which need not be trusted: devices accept only what the
    key signed, nothing older than they have seen, and nothing after its time of expiry.

    \b
    edgekit sign model.tflite --key key.pem --release 7
    edgekit index add model.tflite --name digits --to public/models --key key.pem
    python -m edgekit_runtime pull https://example.org/models --name digits \\
        --public-key key.pub.pem
    """


@command.command("add")
@click.argument("model", type=EXISTING_OR_NOT)
@click.option("--name", required=True, help="Name of the model on the devices.")
@click.option("--to", "folder", type=EXISTING_OR_NOT, required=True, help="Folder of the index; created if missing.")
@_key_option
@_days_option
@json_option
def add(model: Path, name: str, folder: Path, key: Path, days: float, as_json: bool) -> None:
    """Make MODEL, a signed .tflite with a release number, the newest version of a name."""
    from edgekit.deployment.index import IndexSigning, add_to_index
    from edgekit.reports.terminal.deployment import print_index

    index = add_to_index(model, name, folder, IndexSigning(key, days, _ask_password))
    report(index.to_dict, lambda: print_index(index), as_json=as_json)


@command.command("refresh")
@click.argument("folder", type=EXISTING_OR_NOT)
@_key_option
@_days_option
@json_option
def refresh(folder: Path, key: Path, days: float, as_json: bool) -> None:
    """Sign the index in FOLDER again, so that it does not expire."""
    from edgekit.deployment.index import IndexSigning, refresh_index
    from edgekit.reports.terminal.deployment import print_index

    index = refresh_index(folder, IndexSigning(key, days, _ask_password))
    report(index.to_dict, lambda: print_index(index), as_json=as_json)


@command.command("show")
@click.argument("folder", type=EXISTING_OR_NOT)
@json_option
def show(folder: Path, as_json: bool) -> None:
    """Show the models in the index in FOLDER, and when it expires."""
    from edgekit.deployment.index import read_index
    from edgekit.reports.terminal.deployment import print_index

    index = read_index(folder)
    report(index.to_dict, lambda: print_index(index), as_json=as_json)


def _ask_password() -> str:
    password: str = click.prompt("Password of the key", hide_input=True)
    return password
