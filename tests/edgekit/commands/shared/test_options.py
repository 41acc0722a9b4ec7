"""The types of values that several commands read."""

from __future__ import annotations

import click
import pytest

from edgekit.commands.shared.options import MemorySize


@pytest.mark.parametrize(
    ("text", "size"), [("512M", 512_000_000), ("2g", 2_000_000_000), ("3GB", 3_000_000_000), ("7", 7)]
)
def test_sizes_are_bytes_with_a_suffix(text: str, size: int) -> None:
    assert MemorySize().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "0", "-1M", "1.5G", "2T", "9" * 20, "M"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="such as 800M or 2G"):
        MemorySize().convert(text, None, None)
