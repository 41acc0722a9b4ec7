"""A few rounds of ``kill_campaign.py``: kill -9 leaves the old file or the new one, no child and no temporary file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from kill_campaign import VICTIMS, campaign


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the children of a killed process")
@pytest.mark.parametrize("name", VICTIMS)
def test_a_killed_command_leaves_the_old_file_or_the_new_one(name: str, tmp_path: Path) -> None:
    assert sum(campaign(VICTIMS[name], 4, seed=1, folder=tmp_path).values()) == 4
