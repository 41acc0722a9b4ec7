"""``edgekit verify``: checks digest, signature and golden examples of a packed .tflite."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report
from edgekit_runtime.interpreters.choosing import INTERPRETER_HELP


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option(
    "--public-key", metavar="FILE|HEX", help="Public key that MODEL must be signed with: a PEM file or 64 hex digits."
)
@click.option("--interpreter", metavar="NAME", help=f"Interpreter: {INTERPRETER_HELP}. [default: the first installed]")
@json_option
def command(model: Path, public_key: str | None, interpreter: str | None, as_json: bool) -> None:
    """Verify MODEL, a packed .tflite, on this machine.

    Checks the digest and the signature, and runs the golden examples.

    Exits with 1 if the file has changed or is not signed with the key, and with 3 if the predictions for the golden
    examples differ from the packed ones.

    \b
    edgekit verify model.tflite
    edgekit verify model.tflite --public-key key.pub.pem
    """
    from edgekit.artifacts.verification import verify
    from edgekit.reports.terminal.artifacts import print_verification

    verification = verify(model, public_key=public_key, interpreter=interpreter)
    report(
        verification.to_dict,
        lambda: print_verification(verification),
        as_json=as_json,
        required=[verification.require_passed],
    )
