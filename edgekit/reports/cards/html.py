"""Renders a model card as a single HTML file, which needs no network and runs no script."""

from __future__ import annotations

from importlib import resources

from edgekit import __version__
from edgekit.model_card import ModelCard
from edgekit.reports.cards.sections import CardSection, card_sections
from edgekit_runtime.printable_text import one_line


def html_card(card: ModelCard) -> str:
    """The card as HTML; every text is escaped."""
    from jinja2 import Environment, select_autoescape

    environment = Environment(
        autoescape=select_autoescape(default_for_string=True), trim_blocks=True, lstrip_blocks=True
    )
    template = resources.files("edgekit.reports.cards").joinpath("card.html.j2").read_text(encoding="utf-8")
    html: str = environment.from_string(template).render(
        title=one_line(card.inspection.path.stem),
        sections=[_printable(section) for section in card_sections(card)],
        unknown=card.unknown,
        version=__version__,
    )
    # A file name may contain surrogates, which cannot be encoded.
    return html.encode(errors="replace").decode()


def _printable(section: CardSection) -> CardSection:
    rows = tuple(tuple(one_line(cell) for cell in row) for row in section.rows)
    return CardSection(section.title, section.columns, rows, section.note)
