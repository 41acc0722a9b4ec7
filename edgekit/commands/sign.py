"""``edgekit sign``: signs a .tflite, so that devices can check it offline."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option("--key", type=EXISTING_OR_NOT, required=True, help="PEM file of an Ed25519 private key.")
@click.option("-o", "--output", type=EXISTING_OR_NOT, help="File to write. [default: MODEL itself]")
@click.option(
    "--release",
    type=click.IntRange(min=0),
    help="Release number to pack; a device refuses a lower one than it has installed. [default: the packed one]",
)
@json_option
def command(model: Path, key: Path, output: Path | None, release: int | None, as_json: bool) -> None:
    """Sign MODEL, a .tflite, and every part packed with it.

    On the device, edgekit_runtime.load(path, public_key="key.pub.pem") refuses a file that does not match.

    \b
    edgekit sign model.tflite --key key.pem --release 7
    """
    from edgekit.artifacts.signing import sign_file

    signed = output or model
    signer = sign_file(
        model, key, signed, lambda: click.prompt("Password of the key", hide_input=True), release=release
    )
    report(
        lambda: {"model": str(signed), "public_key": signer},
        lambda: click.echo(f"{signed} is signed by the key {signer}."),
        as_json=as_json,
    )
