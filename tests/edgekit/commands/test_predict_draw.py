"""``edgekit predict`` on transparent images, and the sheet that it draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from edgekit.cli import cli

MODEL = str(Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_float32.tflite")


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """An opaque image, one whose transparent half hides black, and the same one laid over white."""
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 256, (28, 28), np.uint8)
    rgba = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    rgba[:, 14:] = 0
    over_white = grey.copy()
    over_white[:, 14:] = 255
    paths = [str(tmp_path / f"{name}.png") for name in ("opaque", "transparent", "white")]
    for pixels, path in zip(
        (np.dstack([rgba[..., :3], np.full_like(grey, 255)]), rgba, over_white), paths, strict=True
    ):
        Image.fromarray(pixels).save(path)
    return paths


def test_transparent_parts_count_as_white_and_are_reported(images: list[str]) -> None:
    result = CliRunner().invoke(cli, ["predict", MODEL, *images, "--pixel-range", "0,1", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["transparent"] == [images[1]]
    opaque, transparent, white = ([each["score"] for each in row["answers"]] for row in said["results"])
    assert transparent == white != opaque
    shown = CliRunner().invoke(cli, ["predict", MODEL, *images, "--pixel-range", "0,1"])
    assert shown.stderr == "1 of 3 images have transparent parts, which count as white.\n"
    alone = CliRunner().invoke(cli, ["predict", MODEL, images[1], "--pixel-range", "0,1"])
    assert alone.stderr == "The image has transparent parts, which count as white.\n"


def test_draw_makes_a_sheet_of_the_images(images: list[str], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    hostile = tmp_path / "$x_1$ [bold]\n.png"
    Image.new("L", (9, 300), 40).save(hostile)
    names = [*images, str(hostile)] * 13
    for copy in range(13):
        for image in (*images, str(hostile)):
            Path(tmp_path, f"{copy}{Path(image).name}").write_bytes(Path(image).read_bytes())
    names = [str(path) for path in sorted(tmp_path.glob("*.png"))]
    result = CliRunner().invoke(cli, ["predict", MODEL, *names, "--pixel-range", "0,1", "--draw", str(sheet)])
    assert result.exit_code == 0, result.output
    with Image.open(sheet) as drawn:
        pixels = np.asarray(drawn.convert("L"))
    assert pixels.shape[1] > 800
    # Six rows of eight: something is drawn in each.
    for rows in np.array_split(pixels[pixels.shape[0] // 15 :], 6):
        for cell in np.array_split(rows, 8, axis=1):
            assert cell.std() > 10


def test_a_sheet_that_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    result = CliRunner().invoke(cli, ["predict", MODEL, "missing.png", "--draw", str(tmp_path / "file" / "sheet.png")])
    assert result.exit_code != 0
    assert "missing.png" not in result.stderr
