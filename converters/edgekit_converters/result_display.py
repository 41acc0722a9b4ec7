"""How a result shows itself at a Python prompt and in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from edgekit_runtime.printable_text import one_line

#: Characters of one fact that are shown; a list of labels may be of any length.
_LONGEST_FACT = 300
#: Facts that are shown; a file may hold any number.
_MOST_FACTS = 60


@dataclass(frozen=True, slots=True)
class Summary:
    """A result in short.

    Attributes:
        title: What it is, and of what.
        facts: A name and a value for each fact; names may repeat.
    """

    title: str
    facts: tuple[tuple[str, str], ...]

    def shown_facts(self) -> Iterator[tuple[str, str]]:
        """The facts, each on one line of limited length; texts from files appear without control characters."""
        for name, value in self.facts[:_MOST_FACTS]:
            yield one_line(name, _LONGEST_FACT), one_line(value, _LONGEST_FACT)
        if len(self.facts) > _MOST_FACTS:
            yield "…", f"{len(self.facts) - _MOST_FACTS} more"


class ResultDisplay:
    """Base of results: ``repr`` gives the summary as text, and notebooks show it as a table.

    Subclasses that are dataclasses need ``repr=False``.
    """

    __slots__ = ()

    def summary(self) -> Summary:
        """The result in short."""
        raise NotImplementedError

    def __repr__(self) -> str:
        summary = self.summary()
        facts = list(summary.shown_facts())
        width = max((len(name) for name, _ in facts), default=0)
        lines = [f"  {name:<{width}}  {value}" for name, value in facts]
        return "\n".join([f"<{one_line(summary.title, _LONGEST_FACT)}>", *lines])

    def _repr_html_(self) -> str:
        """The summary as an HTML table; every text is escaped."""
        summary = self.summary()
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in summary.shown_facts()
        )
        title = html.escape(one_line(summary.title, _LONGEST_FACT))
        caption = f'<caption style="text-align:left;font-weight:bold">{title}</caption>'
        return f"<table>{caption}<tbody>{rows}</tbody></table>"
