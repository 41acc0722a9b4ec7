"""``edgekit predict`` with models that find boxes or masks: tables, JSON, CSV and drawn images."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.cli import cli
from edgekit.reports.figures.drawn_images import draw_boxes, draw_mask
from edgekit_runtime.boxes.detection import Box, Detection
from edgekit_runtime.segmentation import NOT_SEEN, Segmentation

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
DETECTOR, SEGMENTER = TFLITE / "detection_postprocess.tflite", TFLITE / "mask.tflite"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["predict", *map(str, arguments), "--pixel-range", "0,1"])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with one object in row 5, one without any, a file that is not an image, and an image of that name."""
    folder = tmp_path_factory.mktemp("photos")
    image = np.zeros((8, 8), np.uint8)
    image[:, :4] = 128
    Image.fromarray(image).save(folder / "nothing.png")
    image[5, 5] = 250
    Image.fromarray(image).save(folder / "one.png")
    (folder / "sub").mkdir()
    Image.fromarray(image).resize((16, 16), Image.Resampling.NEAREST).convert("RGBA").save(folder / "sub" / "one.png")
    (folder / "text.png").write_text("not an image")
    return folder


def test_boxes_as_json(photos: Path) -> None:
    result = run(DETECTOR, photos, "--json")
    assert result.exit_code == 1  # One file is not an image.
    content = json.loads(result.stdout)
    nothing, one, larger = content["results"]
    assert (nothing["detections"], nothing["height"], nothing["width"]) == ([], 8, 8)
    (found,) = one["detections"]
    assert (found["label"], found["index"]) == ("0", 0)
    assert found["box"] == pytest.approx({"x_min": 4.5, "y_min": 4.5, "x_max": 6.5, "y_max": 6.5}, abs=0.01)
    assert larger["detections"][0]["box"]["x_max"] == pytest.approx(13, abs=0.5)
    assert [Path(each["image"]).name for each in content["unreadable"]] == ["text.png"]


def test_boxes_as_csv(photos: Path) -> None:
    result = run(DETECTOR, photos / "one.png", photos / "nothing.png", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(Path(row["image"]).name, row["label"]) for row in rows] == [("one.png", "0")]
    assert float(rows[0]["x_min"]) == pytest.approx(4.5, abs=0.01)


def test_boxes_as_a_table(photos: Path) -> None:
    result = run(DETECTOR, photos)
    assert "nothing found" in result.stdout
    assert "4, 4, 7, 7" in result.stdout or "5, 5, 7, 7" in result.stdout
    assert "1 of 4 images could not be read" in result.stderr


def test_options_of_a_detector(photos: Path) -> None:
    assert (
        json.loads(run(DETECTOR, photos / "one.png", "--score-threshold", 1, "--json").stdout)["results"][0][
            "detections"
        ]
        == []
    )
    result = run(SEGMENTER, photos / "one.png", "--max-detections", 5)
    assert result.exit_code == 2
    assert "--max-detections is for detectors" in result.output


def test_drawn_boxes(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(DETECTOR, photos, "--draw", out)
    assert "Wrote 3 images into" in result.stderr
    assert sorted(path.name for path in out.iterdir()) == ["nothing.png", "one-2.png", "one.png"]
    with Image.open(out / "one.png") as drawn:
        # Enlarged 40 times; the box has a colour, and the image is grey.
        assert drawn.size == (320, 320)
        pixels = np.asarray(drawn).astype(int)
    colored = np.argwhere(pixels.max(2) - pixels.min(2) > 60)
    assert (colored.max(0) // 40).tolist() == [6, 6]
    with Image.open(out / "nothing.png") as drawn:
        pixels = np.asarray(drawn).astype(int)
        assert (pixels.max(2) == pixels.min(2)).all()


@pytest.mark.parametrize(
    ("draw", "problem"),
    [
        pytest.param("photos", "would overwrite", id="folder-of-the-images"),
        pytest.param("file", "is a file", id="file"),
    ],
)
def test_drawing_overwrites_no_image(photos: Path, tmp_path: Path, draw: str, problem: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    result = run(DETECTOR, photos / "one.png", "--draw", photos if draw == "photos" else file)
    assert result.exit_code == 2
    assert problem in result.output


def test_masks(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(SEGMENTER, photos / "one.png", "--draw", out, "--json")
    (found,) = json.loads(result.stdout)["results"]
    # Grey pixels of 128 and the one of 250 are nearer to white.
    assert found["areas"] == {"1": 33, "0": 31}
    rows = list(csv.reader(io.StringIO(run(SEGMENTER, photos / "one.png", "--csv").stdout)))
    assert [row[1:] for row in rows] == [["label", "pixels"], ["1", "33"], ["0", "31"]]
    assert "1 51.6%, 0 48.4%" in run(SEGMENTER, photos / "one.png").stdout
    with Image.open(out / "one.png") as drawn:
        assert drawn.width == 320
        assert drawn.height > 320  # A legend of two classes.


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (2000, 4)], ids=str)
def test_odd_sizes_and_labels_are_drawn(size: tuple[int, int]) -> None:
    height, width = size
    pixels = np.zeros((1, height, width, 4), np.uint8)
    boxes = [
        Detection("long " * 30 + "\n\x1b[31m", 99, 1.0, Box(0, 0, width, height)),
        Detection("", 0, 0.3, Box(0, 0, 0, 0)),
    ]
    assert min(draw_boxes(pixels, boxes).size) >= 1
    classes = np.full(size, NOT_SEEN, np.int32)
    classes[0, 0] = 70_000
    assert draw_mask(pixels, Segmentation(classes, ("background",))).height > height
    assert draw_mask(pixels, Segmentation(np.full(size, NOT_SEEN, np.int32), ())).height >= height
