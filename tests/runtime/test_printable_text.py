"""No text from a file reaches a terminal with control, escape or bidirectional characters."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest

from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.printable_text import PrintableStream, one_line, printable, printable_streams


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("T-shirt/top", "T-shirt/top", id="plain"),
        pytest.param("日本語 Füße 🐱", "日本語 Füße 🐱", id="other-scripts"),
        pytest.param("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم", id="joiners"),
        pytest.param("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07", id="escape-sequences"),
        pytest.param("a\rb\bc\x7f\x00", "a\\rb\\x08c\\x7f\\x00", id="C0"),
        pytest.param("\x9b31m\x85", "\\x9b31m\\x85", id="C1"),
        pytest.param("gpj.\u202eexe\u2066\u200f", "gpj.\\u202eexe\\u2066\\u200f", id="bidirectional"),
        pytest.param("\ud800\udcff", "\\ud800\\udcff", id="lone-surrogates"),
        pytest.param("a\u2028b\u2029c", "a\\u2028b\\u2029c", id="line-separators"),
        pytest.param("zero\ufeff\u200bwidth\U000e0041", "zero\\ufeff\\u200bwidth\\U000e0041", id="invisible"),
        pytest.param("[red]x[/red]", "[red]x[/red]", id="markup-is-text"),
        pytest.param("one\n\ttwo", "one\n\ttwo", id="lines"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_character_of_unicode_passes_that_a_terminal_could_obey() -> None:
    shown = printable("".join(map(chr, range(sys.maxunicode + 1))))
    passed = {unicodedata.category(c) for c in set(shown) - set("\n\t\u200c\u200d")}
    assert not passed & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_a_label_is_one_line_and_has_an_end() -> None:
    assert one_line("a\nb\tc") == "a\\nb\\tc"
    assert one_line("x" * 10_000) == "x" * 2000 + "… (8,000 more characters)"
    assert one_line("\x1b" * 5, longest=2) == "\\x1b\\x1b… (3 more characters)"


def test_an_error_shows_no_control_characters_and_keeps_them_for_json() -> None:
    error = EdgekitError("\x1b[31mbad", expected="\u202egood", received="one\nError: two", next_step="y" * 6000)
    lines = str(error).splitlines()
    assert lines[:4] == ["\\x1b[31mbad", "  expected: \\u202egood", "  received: one", " " * 12 + "Error: two"]
    assert len(lines[4]) < 5100
    assert error.to_dict()["problem"] == "\x1b[31mbad"


def test_print_is_filtered_and_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    with printable_streams():
        print("\x1b[2J", "ü", "\ud800")
        assert isinstance(sys.stdout, PrintableStream)
    assert sys.stdout is narrow
    narrow.flush()
    assert narrow.buffer.getvalue() == b"\\x1b[2J \\xfc \\ud800\n"  # type: ignore[attr-defined]
