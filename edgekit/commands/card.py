"""``edgekit card``: writes a model card from the facts in a .tflite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, json_option
from edgekit.commands.shared.reporting import report

if TYPE_CHECKING:
    from edgekit.model_card import ModelCard

_FORMATS = ("markdown", "html", "huggingface")


@click.command()
@click.argument("model", type=EXISTING_OR_NOT)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="Format of the card; huggingface is Markdown with YAML front matter. [default: html if --output ends in "
    ".html, else markdown]",
)
@click.option("--output", type=EXISTING_OR_NOT, metavar="FILE", help="File to write. [default: standard output]")
@click.option("--license", "--licence", "license_text", default="", metavar="TEXT", help="License, such as apache-2.0.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="DEVICE",
    help="Measure latency and memory there: ssh:USER@HOST, here, or the path of a Python; may be given several times.",
)
@click.option("--bench", is_flag=True, help="Measure latency and memory on this machine, as --device here.")
@click.option("--runs", type=click.IntRange(min=1), default=500, show_default=True, help="Timed predictions.")
@json_option
def command(
    model: Path,
    form: str | None,
    output: Path | None,
    license_text: str,
    devices: tuple[str, ...],
    bench: bool,
    runs: int,
    as_json: bool,
) -> None:
    """Write the model card of MODEL, a .tflite.

    Task, source, quantization, accuracy before and after the conversion, size, targets, golden examples, digests and
    signature: what the file says of itself. What is not known is listed, never guessed. Times are measured only with
    --device or --bench.

    \b
    edgekit card model.tflite --license mit --output card.html
    edgekit card model.tflite --format huggingface --device ssh:pi@raspberrypi
    """
    from edgekit.model_card import make_card

    card = make_card(model, license=license_text, devices=(*devices, *(("here",) if bench else ())), runs=runs)
    text = _render(card, form or ("html" if output is not None and output.suffix in (".html", ".htm") else "markdown"))
    if output is not None:
        from edgekit_converters.atomic_files import write_text

        write_text(output, text)
    report(card.to_dict, lambda: click.echo(text if output is None else f"Card: {output}"), as_json=as_json)


def _render(card: ModelCard, form: str) -> str:
    from edgekit.reports.cards.html import html_card
    from edgekit.reports.cards.markdown import hugging_face_card, markdown_card

    return {"markdown": markdown_card, "html": html_card, "huggingface": hugging_face_card}[form](card)
