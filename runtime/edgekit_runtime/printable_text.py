"""Makes text from files safe to print on a terminal: labels, names, provenance and other text chosen by an author.

A terminal executes escape sequences, and shows text after a bidirectional control character in a different order than
it is stored. Characters outside Unicode's printable categories are therefore shown as escapes. Programs install the
filter on stdout and stderr, so that it covers every message; JSON is printable ASCII and passes through unchanged.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

#: Default length at which :func:`one_line` cuts a text.
LONGEST = 2000
#: Harmless characters that Python does not consider printable: joiners, which emoji and some scripts need, and spaces.
_HARMLESS = frozenset("\u200c\u200d\u00a0\u202f\u3000")


def printable(text: str, kept: str = "\n\t") -> str:
    """Escape text so that a terminal shows it in the order in which it is stored.

    Args:
        text: Any text, including lone surrogates.
        kept: Control characters to keep.
    Returns:
        ``text`` with control, format, private and unassigned characters as escapes such as ``\\x1b`` and ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _HARMLESS or c in kept else _escaped(c) for c in text)


def one_line(text: str, longest: int = LONGEST) -> str:
    """:func:`printable` for a label, a name or a table cell: escapes line breaks and tabs, and cuts at ``longest``."""
    rest = len(text) - longest
    return printable(text[:longest], kept="") + (f"… ({rest:,} more characters)" if rest > 0 else "")


class PrintableStream:
    """A text stream that applies :func:`printable` to everything it writes.

    Attributes:
        unfiltered: The original stream, for libraries that write escape sequences themselves.
    """

    #: If the encoding were ASCII, click would write to the underlying binary stream.
    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.unfiltered: TextIO = getattr(stream, "unfiltered", stream)

    def write(self, text: str) -> int:
        """Write text; characters that the stream's encoding lacks are also escaped."""
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
    """Context manager that replaces stdout and stderr by :class:`PrintableStream`."""

    def __enter__(self) -> None:
        self._saved = sys.stdout, sys.stderr
        filter_streams()

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._saved


def filter_streams() -> None:
    """Replace stdout and stderr by :class:`PrintableStream` for the rest of the process."""
    sys.stdout, sys.stderr = _filtered(sys.stdout), _filtered(sys.stderr)


def unfiltered(stream: TextIO) -> TextIO:
    """The stream behind a :class:`PrintableStream`; any other stream is returned unchanged."""
    return getattr(stream, "unfiltered", stream)


def _filtered(stream: Any) -> Any:
    # The stream is None if the process was started without it.
    return stream if stream is None or isinstance(stream, PrintableStream) else PrintableStream(stream)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
