"""The page in headless Chromium, narrow and wide, light and dark."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import browse


@pytest.fixture(scope="module", params=[(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")], ids=str)
def visit(request: pytest.FixtureRequest, studio, axe: Path | None, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a visit to every tab showed."""
    width, scheme = request.param
    found = browse("studio", studio.address, width, scheme, tmp_path_factory.mktemp("pictures"), axe)
    return {**found, "width": width, "address": studio.address, "has_axe": axe}


def test_a_drawn_digit_gets_the_answer_of_the_command_line(visit: dict, models, tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.png"
    drawing.write_bytes(base64.b64decode(visit["drawing"].partition(",")[2]))
    for place, model in enumerate(models[1:], 1):
        command = [sys.executable, "-m", "edgekit", "predict", str(model), str(drawing), "--top-k", "5", "--json"]
        printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        expected = printed["results"][0]["answers"]
        shown = visit["scores"][place]
        assert [row[0] for row in shown] == [entry["label"] for entry in expected]
        for row, entry in zip(shown, expected, strict=True):
            small = row[1].startswith("under")
            assert entry["score"] < 0.0005 if small else row[1] == f"{100 * entry['score']:.1f} %"


def test_it_is_quiet_and_asks_only_the_studio(visit: dict) -> None:
    assert visit["complaints"] == []
    strangers = [url for url in visit["requests"] if not url.startswith((visit["address"], "data:", "blob:"))]
    assert strangers == []


def test_it_fits_the_screen(visit: dict) -> None:
    assert visit["widths"] == dict.fromkeys(("try", "compare", "layers", "files"), visit["width"])


def test_axe_finds_nothing(visit: dict) -> None:
    if visit["has_axe"] is None:
        pytest.skip("axe-core needs npm, or EDGEKIT_AXE=axe.min.js")
    assert visit["axe"] == []


def test_the_keyboard_draws(visit: dict) -> None:
    assert visit["pen"] == "Pen down."
    assert visit["summary_of_keys"].startswith("model.h5: ")


def test_every_tab_shows_its_figures(visit: dict) -> None:
    assert visit["summary"].startswith("model.h5: ")
    assert visit["points"] == 4
    assert "top-1 accuracy" in visit["comparison"]
    assert "conv2d" in visit["layers"]
    assert "Tensor holds" in visit["layers"]
    assert "within the tolerance" in visit["files"]
    assert "--max-drop 0.005" in visit["command"]
