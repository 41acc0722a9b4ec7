"""Text of files on a terminal: labels, names, provenance, and whatever else an author could choose.

A terminal obeys escape sequences, and shows text behind a bidirectional control in another order than it is stored.
What is not in Unicode's printable categories is therefore shown as its escape. Programs install the filter on stdout
and stderr, so that no message can be forgotten; JSON consists of printable ASCII and passes through it unchanged.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

#: Longer texts are cut where they are one entry of many.
LONGEST = 2000
#: Not printable by Python's rule, and harmless: joiners, which emoji and some scripts need, and spaces.
_HARMLESS = frozenset("\u200c\u200d\u00a0\u202f\u3000")


def printable(text: str, kept: str = "\n\t") -> str:
    """Text that a terminal shows as it is stored.

    Args:
        text: Any text; lone surrogates as well.
        kept: Control characters to keep.
    Returns:
        ``text`` with control, format, private and unassigned characters as escapes such as ``\\x1b`` and ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _HARMLESS or c in kept else _escaped(c) for c in text)


def one_line(text: str, longest: int = LONGEST) -> str:
    """A label, name or cell of a table: :func:`printable` without line breaks and tabs, cut at ``longest``."""
    rest = len(text) - longest
    return printable(text[:longest], kept="") + (f"… ({rest:,} more characters)" if rest > 0 else "")


class PrintableStream:
    """A text stream that writes everything :func:`printable`.

    Attributes:
        unfiltered: The stream as the process got it, for libraries that write escape sequences of their own.
    """

    #: click would take the binary stream beneath one that is ASCII.
    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.unfiltered: TextIO = getattr(stream, "unfiltered", stream)

    def write(self, text: str) -> int:
        """Write text; what the stream's encoding lacks is escaped, too."""
        shown = printable(text)
        try:
            self._stream.write(shown)
        except UnicodeEncodeError:
            encoding = self.unfiltered.encoding
            self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class printable_streams:
    """Context in which stdout and stderr are :class:`PrintableStream`."""

    def __enter__(self) -> None:
        self._saved = sys.stdout, sys.stderr
        filter_streams()

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._saved


def filter_streams() -> None:
    """Make stdout and stderr a :class:`PrintableStream` for the rest of the process."""
    sys.stdout, sys.stderr = _filtered(sys.stdout), _filtered(sys.stderr)


def unfiltered(stream: TextIO) -> TextIO:
    """The stream beneath a :class:`PrintableStream`, any other as it is."""
    return getattr(stream, "unfiltered", stream)


def _filtered(stream: Any) -> Any:
    # None if a process was started without the stream.
    return stream if stream is None or isinstance(stream, PrintableStream) else PrintableStream(stream)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
