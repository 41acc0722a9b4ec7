"""``edgekit verify``: is the file whole, whose is it, and does it answer here as it should?"""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.commands.options import EXISTING_OR_NOT, json_option
from edgekit.commands.reporting import exit_unless_passed


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option(
    "--public-key", metavar="FILE|HEX", help="Key that MODEL must be signed with: a PEM file or its 64 hex digits."
)
@click.option("--interpreter", type=click.Choice(["litert", "tflite-runtime"]), help="[default: the first installed]")
@json_option
def command(model: Path, public_key: str | None, interpreter: str | None, as_json: bool) -> None:
    """Verify MODEL, a packed .tflite, on this machine.

    Its digest, its signature, and its golden examples, which are replayed here.

    Exits with 1 where the file has changed or is not signed as asked, and with 3 where it answers its golden
    examples otherwise than where it was packed.

    \b
    edgekit verify model.tflite
    edgekit verify model.tflite --public-key key.pub.pem
    """
    from edgekit.artifacts.verification import verify
    from edgekit.reports.tables import print_json, print_table

    verification = verify(model, public_key=public_key, interpreter=interpreter)
    if as_json:
        report = verification.to_dict()
        print_json(report)
        exit_unless_passed(report["passed"])
        return
    golden = verification.golden
    whose = "the key given" if verification.is_trusted else "a key that nobody vouched for: --public-key does"
    rows = [
        ("digest", "holds" if verification.model_sha256 else "none is packed"),
        ("signature", f"holds, by {whose}" if verification.signer else "not signed"),
    ]
    if golden is None:
        rows.append(("golden examples", "none are packed"))
    else:
        rows.append(("golden examples", f"{golden.examples}, {'as' if golden.passed else 'NOT as'} they should be"))
        rows.append(("largest error", f"{max(golden.max_error):.3g}, allowed {max(golden.tolerance):.3g}"))
        rows.append(("interpreter", golden.interpreter))
    print_table(f"{model.name}: verified", (), rows)
    verification.require_passed()
