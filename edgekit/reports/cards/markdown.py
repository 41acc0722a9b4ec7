"""Renders a model card in Markdown (CommonMark with tables), optionally with Hugging Face's YAML front matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from edgekit.model_card import ModelCard
from edgekit.reports.cards.sections import CardSection, card_sections, pipeline_tag
from edgekit_runtime.printable_text import one_line

#: Characters that start markup, math or a link within a line. Characters of HTML, and the bar that ends a table cell,
#: become entities, which all renderers treat alike.
_MARKUP = frozenset("\\`*_{}[]#~$!")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
#: Text that GitHub turns into a link automatically.
_LINKS = re.compile(r"(?i)(?<=www)\.|:(?=//)|@")
#: Text that needs no quotes in YAML, except the words for true, false and null.
_PLAIN_YAML = re.compile(r"[a-z][a-z0-9.-]*")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "true", "false", "on", "off", "null"))
#: Format of Hugging Face's license identifiers.
_LICENSE_ID = re.compile(r"[a-z][a-z0-9.-]{0,39}")


def markdown_card(card: ModelCard) -> str:
    """The card as Markdown."""
    lines = [f"# {escape(card.inspection.path.stem)}", ""]
    for section in card_sections(card):
        lines += [f"## {section.title}", "", *_table(section), ""]
        if section.note:
            lines += [section.note, ""]
    if card.unknown:
        lines += ["## Not known", "", *(f"- {name}" for name in card.unknown), ""]
    return "\n".join(lines)


def hugging_face_card(card: ModelCard) -> str:
    """The card as Hugging Face's ``README.md``: YAML between two lines of dashes, followed by Markdown."""
    return "\n".join(["---", *_front_matter(card), "---", "", markdown_card(card)])


def escape(text: str) -> str:
    """Escape text from a file so that Markdown shows it literally, on one line."""
    escaped = "".join(f"\\{each}" if each in _MARKUP else _ENTITIES.get(each, each) for each in one_line(text))
    return _LINKS.sub(lambda found: f"&#{ord(found[0])};", escaped)


def quote_yaml(text: str) -> str:
    """A text as a YAML scalar, quoted unless it is a plain word."""
    if _PLAIN_YAML.fullmatch(text) and text not in _YAML_WORDS:
        return text
    return '"' + "".join(_yaml_character(character) for character in text) + '"'


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    # A path may contain a lone surrogate, which is not a character in YAML.
    return "\N{REPLACEMENT CHARACTER}" if "\ud800" <= character <= "\udfff" else f"\\U{ord(character):08X}"


def _table(section: CardSection) -> Iterator[str]:
    columns = section.columns or ("", "")
    yield _row(columns)
    yield "|" + " --- |" * len(columns)
    for row in section.rows:
        yield _row([escape(cell) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _front_matter(card: ModelCard) -> Iterator[str]:
    if card.license:
        identifier = card.license.lower()
        if _LICENSE_ID.fullmatch(identifier):
            yield f"license: {quote_yaml(identifier)}"
        else:
            yield "license: other"
            yield f"license_name: {quote_yaml(card.license)}"
    yield "library_name: tflite"
    task = pipeline_tag(card)
    if task:
        yield f"pipeline_tag: {task}"
    yield "tags:"
    mode = card.provenance.get("quantize")
    tags = ["tflite", "edgekit", *([mode] if isinstance(mode, str) and mode else [])]
    yield from (f"- {quote_yaml(tag)}" for tag in tags)
