"""Displays results at a Python prompt and in notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from edgekit_runtime.printable_text import one_line

#: Longest part of a fact that is shown, in characters; a list of labels may be of any length.
_LONGEST_FACT = 300
#: Most facts that are shown; a file may have any number.
_MOST_FACTS = 60


@dataclass(frozen=True, slots=True)
class Summary:
    """A short form of a result.

    Attributes:
        title: Kind of the result, and what it is about.
        facts: Name and value of each fact; names may repeat.
    """

    title: str
    facts: tuple[tuple[str, str], ...]

    def shown_facts(self) -> Iterator[tuple[str, str]]:
        """Yield the facts, each on one line of limited length; control characters in text from files are removed."""
        for name, value in self.facts[:_MOST_FACTS]:
            yield one_line(name, _LONGEST_FACT), one_line(value, _LONGEST_FACT)
        if len(self.facts) > _MOST_FACTS:
            yield "…", f"{len(self.facts) - _MOST_FACTS} more"


class ResultDisplay:
    """Base of results: ``repr`` returns the summary as text, and notebooks show it as a table.

    Subclasses that are dataclasses need ``repr=False``.
    """

    __slots__ = ()

    def summary(self) -> Summary:
        """Return the short form of the result."""
        raise NotImplementedError

    def __repr__(self) -> str:
        summary = self.summary()
        facts = list(summary.shown_facts())
        width = max((len(name) for name, _ in facts), default=0)
        lines = [f"  {name:<{width}}  {value}" for name, value in facts]
        return "\n".join([f"<{one_line(summary.title, _LONGEST_FACT)}>", *lines])

    def _repr_html_(self) -> str:
        """Return the summary as an HTML table; all text is escaped."""
        summary = self.summary()
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in summary.shown_facts()
        )
        title = html.escape(one_line(summary.title, _LONGEST_FACT))
        caption = f'<caption style="text-align:left;font-weight:bold">{title}</caption>'
        return f"<table>{caption}<tbody>{rows}</tbody></table>"
