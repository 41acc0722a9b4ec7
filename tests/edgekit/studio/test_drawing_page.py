"""The page that the HTTP sample serves on the device: the studio's drawing code, in one file."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_it_draws_with_the_studios_code() -> None:
    drawing = (ROOT / "edgekit" / "studio" / "static" / "drawing.js").read_text()
    code = drawing[drawing.index("const PEN_SHARE") : drawing.index("export {")].strip()
    assert code in (ROOT / "samples" / "drawing_page.html").read_text()


def test_it_needs_nothing_else() -> None:
    page = (ROOT / "samples" / "drawing_page.html").read_text()
    assert re.findall(r"""(?:src|href)=["'](?!data:)""", page) == []
    assert "http://" not in page
    assert "https://" not in page
    # The policy allows scripts and styles by their digest: neither handlers nor style attributes.
    assert re.findall(r"""\s(?:on\w+|style)=["']""", page) == []
