"""Options of ``edgekit convert --pair``, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgekit.commands.shared.options import EXISTING_OR_NOT, TOKENIZER_NAMES
from edgekit.commands.shared.reporting import exit_code_of, exit_with, report

#: For parameters that do nothing alone, those of which they need one.
SEQUENCE_NEEDS = {
    **dict.fromkeys(("start_token", "end_token", "max_length", "length_penalty"), ("pair",)),
    **dict.fromkeys(("sequence_vocabulary", "sequence_tokenizer", "beams"), ("pair", "ctc_blank")),
}
#: Parameters that also apply to a model that was trained with CTC.
CTC_OPTIONS = ("ctc_blank", "sequence_vocabulary", "sequence_tokenizer", "beams")


def _blank(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if value == "last":
        return -1
    if not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor 'last'.", ctx, parameter)
    return int(value)


def sequence_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of an encoder and a decoder to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


_OPTIONS = (
    click.option(
        "--pair",
        nargs=2,
        type=EXISTING_OR_NOT,
        metavar="ENCODER DECODER",
        help="Convert an encoder and a decoder to one file with two signatures, instead of MODEL.",
    ),
    click.option(
        "--ctc-blank",
        metavar="N|last",
        callback=_blank,
        help="MODEL was trained with CTC: number of its blank, or last.",
    ),
    click.option("--sequence-vocabulary", type=EXISTING_OR_NOT, help="Tokens of the generated texts, one per line."),
    click.option(
        "--sequence-tokenizer",
        type=click.Choice(TOKENIZER_NAMES),
        default="words",
        show_default=True,
        help="Tokenizer of the generated texts.",
    ),
    click.option(
        "--start-token", help="Token that the decoder gets first, by number or name. [default: found in the vocabulary]"
    ),
    click.option(
        "--end-token", help="Token that ends a sequence, by number or name. [default: found in the vocabulary]"
    ),
    click.option(
        "--max-length",
        type=click.IntRange(min=1),
        help="Maximum number of generated tokens. [default: twice the longest sequence of --data, or 128]",
    ),
    click.option(
        "--beams", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of beams on the device."
    ),
    click.option(
        "--length-penalty",
        type=click.FloatRange(0, 10),
        default=0.0,
        show_default=True,
        help="Exponent of the length penalty of the search.",
    ),
)


def convert_pair_of_files(output: Path | None, *, as_json: bool, pair: tuple[Path, Path], **options: Any) -> None:
    """Convert, and print the result.

    Args:
        output: Path of the file to write; None for the folder of the encoder.
        as_json: Whether to print JSON.
        pair: The encoder and the decoder.
        options: Other arguments of ``edgekit.convert_pair``.
    """
    from edgekit.api.converting_pairs import convert_pair
    from edgekit.progress import progress_bar
    from edgekit.reports.terminal.conversion import print_pair_conversion

    encoder, decoder = pair
    with progress_bar(f"Converting {encoder.name} and {decoder.name}", total=None):
        conversion = convert_pair(encoder, decoder, output, **options)
    report(conversion.to_dict, lambda: print_pair_conversion(conversion), as_json=as_json)
    for warning in conversion.warnings:
        click.echo(f"Warning: {warning}", err=True)
    exit_with(exit_code_of(conversion.budget is None or conversion.budget.is_met))
