"""Declaring, packing and verifying how a detector's outputs become boxes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import edgekit_runtime
from edgekit.artifacts.box_heads import read_anchor_file
from edgekit.cli import cli
from edgekit_converters.packaging.artifact import append_parts, unpack
from edgekit_runtime.boxes.decoding import ANCHORS_NAME, packed_anchors
from edgekit_runtime.boxes.layouts import LAYOUTS
from edgekit_runtime.boxes.parameters import Parameter
from edgekit_runtime.errors import DataError, ModelFileError, UsageError
from edgekit_runtime.packed_file.manifest import MANIFEST_NAME, Parts, read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
#: One anchor for each row of the image, in the diagonal.
ANCHORS = np.array([[(n + 0.5) / 8, (n + 0.5) / 8, 0.25, 0.25] for n in range(8)], np.float32)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("anchors") / "anchors.npy"
    np.save(path, ANCHORS)
    return path


@pytest.fixture(scope="module")
def detector(anchors: Path) -> Path:
    path = anchors.with_name("detector.tflite")
    result = run("pack", TFLITE / "ssd.tflite", "--boxes", "ssd", "--anchors", anchors, "-o", path)
    assert result.exit_code == 0, result.output
    return path


def test_a_packed_detector_finds_boxes(detector: Path) -> None:
    model = edgekit_runtime.load(detector, verify=True)
    assert set(model.task.outputs.values()) == {("boxes", "file", False)}
    image = np.zeros((8, 8), np.uint8)
    # Row 5: codes of almost 0, and the score of the second class after the background.
    image[5] = [128, 128, 128, 128, 0, 0, 255, 0]
    (found,) = model.detect(image)
    assert (found.index, found.score) == (1, 1.0)
    assert found.box == pytest.approx((4.5, 4.5, 6.5, 6.5), abs=0.01)


def changed(detector: Path, folder: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of a packed file in which some parts are others, and everything else is the same."""
    content = detector.read_bytes()
    parts = dict(unpack(TfliteModel(content)).parts)
    change(parts)
    path = folder / "changed.tflite"
    path.write_bytes(append_parts(content[: Parts(content).start], parts))
    return path


def with_anchors(table: np.ndarray) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.update({ANCHORS_NAME: packed_anchors(table)})


def with_parameter(**values: Any) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        manifest = json.loads(parts[MANIFEST_NAME])
        manifest["decoding"]["boxes"].update(values)
        parts[MANIFEST_NAME] = json.dumps(manifest).encode()

    return change


SWAPPED = ANCHORS[[0, 1, 2, 4, 3, 5, 6, 7]]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_anchors(SWAPPED), id="two-anchors-swapped"),
        pytest.param(with_anchors(ANCHORS * np.float32(1.01)), id="anchors-one-percent-larger"),
        pytest.param(with_anchors(ANCHORS[:, [0, 1, 2, 3]] + [0, 0, 0, 0.01]), id="anchors-higher"),
        pytest.param(with_parameter(variances=[0.1, 0.1, 0.2, 0.25]), id="one-variance"),
        pytest.param(with_parameter(background="none"), id="background"),
        pytest.param(with_parameter(box_order="yxhw"), id="order"),
        pytest.param(with_parameter(coordinates="pixels"), id="coordinates"),
    ],
)
def test_golden_examples_reveal_another_decoding(
    detector: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    path = changed(detector, tmp_path, change)
    report = edgekit_runtime.load(path).verify()
    assert (report.passed, report.answer_equal) == (False, False)
    # The model itself computes the same.
    assert max(report.max_error) == 0
    with pytest.raises(ModelFileError, match="another answer"):
        edgekit_runtime.load(path, verify=True)
    result = run("verify", path)
    assert result.exit_code == 3
    assert "decodes the outputs of its golden examples to another answer" in result.output


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda parts: parts.pop(ANCHORS_NAME), "anchors.npy is missing", id="lost-part"),
        pytest.param(lambda parts: parts.update({ANCHORS_NAME: b"?"}), "missing or damaged", id="damaged-anchors"),
        pytest.param(with_anchors(ANCHORS[:7]), "shapes of its head layout", id="too-few-anchors"),
        pytest.param(with_parameter(layout="yolov99"), "damaged, or of a newer edgekit", id="unknown-layout"),
        pytest.param(with_parameter(outputs=["codes", "lost"]), "for another model", id="unknown-output"),
    ],
)
def test_damage_is_an_error(
    detector: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], problem: str
) -> None:
    path = changed(detector, tmp_path, change)
    with pytest.raises(Exception, match=r".") as caught:
        edgekit_runtime.load(path).detect(np.zeros((8, 8), np.uint8))
    assert problem in str(caught.value)
    assert type(caught.value).__module__ == "edgekit_runtime.errors"


def test_packing_again_keeps_the_head_and_its_golden_examples(detector: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.tflite"
    assert run("pack", detector, "-o", again).exit_code == 0
    parts, before = (unpack(TfliteModel(path.read_bytes())).parts for path in (again, detector))
    assert {name: parts[name] == before[name] for name in before} == {
        MANIFEST_NAME: False,  # The digest of the model, which has its name.
        ANCHORS_NAME: True,
        "golden.npz": True,
    }
    other = tmp_path / "other.npy"
    np.save(other, SWAPPED)
    assert run("pack", detector, "--boxes", "ssd", "--anchors", other, "-o", again).exit_code == 0
    assert edgekit_runtime.load(again).verify().passed


def test_the_operator_s_own_head_is_packed_with_golden_boxes(tmp_path: Path) -> None:
    path = tmp_path / "packed.tflite"
    result = run("pack", TFLITE / "detection_postprocess.tflite", "-o", path)
    assert result.exit_code == 0, result.output
    assert "decoding of boxes" in result.output
    assert read_manifest(path.read_bytes()).decoding["boxes"]["outputs"] == [
        *("output_3", "output_2", "output_1", "output_0")
    ]
    assert edgekit_runtime.load(path).verify().passed


def test_the_operator_without_an_image_has_no_head(tmp_path: Path) -> None:
    path = tmp_path / "packed.tflite"
    assert run("pack", TFLITE / "custom_detection.tflite", "-o", path).exit_code == 0
    assert read_manifest(path.read_bytes()).decoding == {}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(["--boxes", "ssd"], "needs an anchor table", id="no-anchors"),
        pytest.param(["--anchors", "missing.npy"], "missing.npy", id="anchors-missing"),
        pytest.param(["--box-parameter", "strides=8"], "need --boxes", id="parameter-alone"),
        pytest.param(["--boxes", "yolov8"], "coordinates", id="required-parameter"),
        pytest.param(["--boxes", "yolov9"], "Invalid value for '--boxes'", id="unknown-layout"),
        pytest.param(["--boxes", "yolov8-raw", "--box-parameter", "b=3"], "no parameter 'b'", id="unknown-parameter"),
        pytest.param(["--boxes", "centernet", "--box-parameter", "outputs=a,b,c"], "not clear which", id="outputs"),
        # The scores of this model are not probabilities of boxes on the grids of an 8 × 8 image.
        pytest.param(["--boxes", "yolov8-raw"], "shapes of its head layout", id="other-head"),
    ],
)  # fmt: skip
def test_wrong_declarations_are_errors_and_nothing_is_written(tmp_path: Path, options: list[str], problem: str) -> None:
    output = tmp_path / "output.tflite"
    result = run("pack", TFLITE / "ssd.tflite", *options, "-o", output)
    assert result.exit_code in (1, 2)
    assert problem in result.output
    assert not output.exists()


def test_anchors_of_another_layout(anchors: Path) -> None:
    result = run("pack", TFLITE / "ssd.tflite", "--boxes", "yolov8-raw", "--anchors", anchors)
    assert result.exit_code == 2
    assert "has no anchor table" in result.output


def test_a_model_without_an_image(anchors: Path) -> None:
    result = run("pack", TFLITE / "dense_float32.tflite", "--boxes", "yolov8-raw")
    assert result.exit_code == 2
    assert "does not take one" in result.output


def test_anchors_as_text(tmp_path: Path) -> None:
    path = tmp_path / "anchors.txt"
    path.write_text("0.5, 0.5, 0.25, 0.25\n\n0.1 0.2\t0.3 0.4\n")
    assert read_anchor_file(path).tolist() == [
        [0.5, 0.5, 0.25, 0.25],
        pytest.approx([0.1, 0.2, 0.3, 0.4]),
    ]


@pytest.mark.parametrize("content", [b"", b"1,2,3", b"1,2,3,x", b"1,2,3,4\n1,2", b"nan,1,2,3", b"\xff\xfe"], ids=repr)
def test_text_that_is_not_a_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "anchors.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="anchor table"):
        read_anchor_file(path)


def test_an_npy_file_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "anchors.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(DataError):
        read_anchor_file(path)


def test_the_table_of_the_guide_agrees_with_the_records() -> None:
    guide = Path(__file__).resolve().parents[3] / "docs" / "pages" / "guides" / "boxes-and-masks.md"
    rows = guide.read_text().partition("|---|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert rows == [
        f"| `{layout.name}` | {layout.meaning} | {', '.join(layout.roles) or 'any'} | "
        f"{'; '.join(map(shown, layout.parameters)) or '–'} |"
        for layout in LAYOUTS.values()
    ]


def shown(parameter: Parameter) -> str:
    default = parameter.default
    if default is None:
        return f"`{parameter.name}` (required): {parameter.meaning}"
    text = ",".join(f"{each:g}" for each in default) if isinstance(default, tuple) else default
    return f"`{parameter.name}`: {parameter.meaning} [`{text}`]"
