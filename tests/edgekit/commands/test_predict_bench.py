"""``edgekit predict`` and ``edgekit bench`` on real digits."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgekit.cli import cli
from edgekit.datasets import load_dataset
from edgekit_converters.packaging.artifact import unpack
from edgekit_runtime.tflite.tflite_model import TfliteModel


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)])


@pytest.fixture(scope="module")
def digit_files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    """Twenty held-back digits as PNG files, with the right answers."""
    folder = tmp_path_factory.mktemp("digits")
    digits = load_dataset("digits")
    files = []
    for number in range(20):
        path = folder / f"{number}.png"
        Image.fromarray(digits.x_test[number, :, :, 0]).save(path)
        files.append((path, str(digits.y_test[number])))
    return files


@pytest.mark.parametrize("mode", ["none", "int8"])
def test_held_back_digits_are_named(mode: str, digit_files: list[tuple[Path, str]], variants_folder: Path) -> None:
    model = variants_folder / f"model-{mode}.tflite"
    result = run("predict", model, *(path for path, _ in digit_files), "--json")
    assert result.exit_code == 0, result.output
    results = json.loads(result.stdout)["results"]
    assert [entry["image"] for entry in results] == [str(path) for path, _ in digit_files]
    right = sum(entry["answers"][0]["label"] == truth for entry, (_, truth) in zip(results, digit_files, strict=True))
    assert right >= 18
    assert len(results[0]["answers"]) == 3
    assert results[0]["answers"][0]["score"] >= results[0]["answers"][1]["score"]


def test_the_table_shows_labels(digit_files: list[tuple[Path, str]], variants_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join(f"number-{digit}" for digit in range(10)))
    model = variants_folder / "model-none.tflite"
    result = run("predict", model, digit_files[0][0], "--top-k", "1", "--labels", tmp_path / "names.txt")
    assert result.exit_code == 0, result.output
    assert f"number-{digit_files[0][1]}" in result.stdout


def test_what_pixels_become_is_told_where_the_model_does_not_say(
    digit_files: list[tuple[Path, str]], variants_folder: Path, tmp_path: Path
) -> None:
    path, _ = digit_files[0]
    packed = variants_folder / "model-none.tflite"
    assert run("predict", packed, path).stderr == ""
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(unpack(TfliteModel(packed.read_bytes())).model.content)
    told = run("predict", foreign, path)
    assert told.exit_code == 0
    assert "foreign.tflite does not state how pixels were scaled" in told.stderr
    assert run("predict", foreign, path, "--pixel-range", "0,1").stderr == ""


def test_a_file_that_is_no_image_is_a_sentence(variants_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    result = run("predict", variants_folder / "model-none.tflite", tmp_path / "notes.png")
    assert result.exit_code == 1
    assert "notes.png" in result.stderr


def test_folders_and_patterns_stand_for_their_images(
    digit_files: list[tuple[Path, str]], variants_folder: Path, tmp_path: Path
) -> None:
    model, folder = variants_folder / "model-none.tflite", digit_files[0][0].parent
    whole = json.loads(run("predict", model, folder, "--json").stdout)
    assert {entry["image"] for entry in whole["results"]} == {str(path) for path, _ in digit_files}
    some = json.loads(run("predict", model, folder / "1?.png", folder / "10.png", "--json").stdout)
    assert [entry["image"] for entry in some["results"]] == [str(folder / f"{number}.png") for number in range(10, 20)]
    for name in (tmp_path, tmp_path / "*.png", f"{tmp_path}/a**b.png"):
        nothing = run("predict", model, name)
        assert (nothing.exit_code, "matches no file" in nothing.stderr) == (2, True)


def test_an_image_comes_from_standard_input(digit_files: list[tuple[Path, str]], variants_folder: Path) -> None:
    path, truth = digit_files[0]
    arguments = ["predict", str(variants_folder / "model-none.tflite"), "-", "--json"]
    result = CliRunner().invoke(cli, arguments, input=path.read_bytes())
    (entry,) = json.loads(result.stdout)["results"]
    assert (entry["image"], entry["answers"][0]["label"]) == ("-", truth)


@pytest.mark.parametrize("is_json", [False, True], ids=["table", "json"])
def test_an_unreadable_file_stops_no_other(
    is_json: bool, digit_files: list[tuple[Path, str]], variants_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    images = [tmp_path / "notes.png", digit_files[0][0], tmp_path / "missing.png", digit_files[1][0]]
    result = run("predict", variants_folder / "model-none.tflite", *images, *(["--json"] if is_json else []))
    assert result.exit_code == 1
    if is_json:
        report = json.loads(result.stdout)
        assert [entry["image"] for entry in report["results"]] == [str(images[1]), str(images[3])]
        assert [entry["image"] for entry in report["unreadable"]] == [str(images[0]), str(images[2])]
    else:
        assert "2 of 4 images could not be read:" in result.stderr
        assert "notes.png is not an image" in result.stderr
        assert digit_files[1][0].name in result.stdout


def test_csv_has_one_line_per_label_and_names_what_could_not_be_read(
    digit_files: list[tuple[Path, str]], variants_folder: Path, tmp_path: Path
) -> None:
    model, phone = variants_folder / "model-none.tflite", tmp_path / "phone, 1.jpg"
    phone.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    odd = tmp_path / 'a, "b".png'
    odd.write_bytes(digit_files[0][0].read_bytes())
    result = run("predict", model, odd, phone, digit_files[1][0], "--top-k", "2", "--csv")
    assert result.exit_code == 1
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [(row["image"], row["rank"]) for row in rows] == [
        (str(image), rank) for image in (odd, digit_files[1][0]) for rank in "12"
    ]
    assert (rows[0]["label"], rows[2]["label"]) == (digit_files[0][1], digit_files[1][1])
    assert float(rows[0]["score"]) > float(rows[1]["score"])
    assert "pillow-heif" in result.stderr


def test_csv_and_json_exclude_each_other(variants_folder: Path) -> None:
    result = run("predict", variants_folder / "model-none.tflite", "missing.png", "--csv", "--json")
    assert (result.exit_code, "--csv and --json contradict each other." in result.stderr) == (2, True)


def test_bench_times_each_model(variants_folder: Path) -> None:
    models = [variants_folder / "model-none.tflite", variants_folder / "model-int8.tflite"]
    result = run("bench", *models, "--runs", "20", "--warmup", "2", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [entry["model"] for entry in report["models"]] == [str(path) for path in models]
    for entry in report["models"]:
        assert entry["runs"] == 20
        assert 0 < entry["p50_ms"] <= entry["p90_ms"] <= entry["p99_ms"]


def test_bench_compares_with_the_first(variants_folder: Path) -> None:
    result = run("bench", variants_folder / "model-none.tflite", variants_folder / "model-int8.tflite", "--runs", "9")
    assert result.exit_code == 0, result.output
    assert "1.00 ×" in result.stdout
