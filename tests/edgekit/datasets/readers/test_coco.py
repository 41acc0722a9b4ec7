from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.datasets.kinds import find_kind
from edgekit.datasets.opening import DataRequest, open_data
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.inputs.preprocessing import Preprocessing


def content() -> dict[str, Any]:
    """Two images of 40 × 20 (width × height): a dog and a crowd of cats in the first, nothing in the second."""
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 20, "width": 40},
            {"id": 3, "file_name": "b.png", "height": 20, "width": 40},
        ],
        "annotations": [
            {"image_id": 7, "category_id": 18, "bbox": [8, 4, 16, 8]},
            {"image_id": 7, "category_id": 5, "bbox": [0, 0, 4.5, 10], "iscrowd": 1},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 5, "name": "cat"}],
    }


def folder(place: Path, annotations: Any = None, name: str = "annotations.json") -> Path:
    place.mkdir(exist_ok=True)
    for number, image in enumerate(("a.png", "b.png")):
        Image.fromarray(np.full((20, 40), 10 * number, np.uint8)).save(place / image)
    text = annotations if isinstance(annotations, str) else json.dumps(annotations or content())
    (place / name).write_text(text)
    return place


def opened(path: Path, resize: str = "stretch", labels: tuple[str, ...] = ()) -> Any:
    image = ModelInput("image", (-1, 10, 10, 1), "float32", pixels=Preprocessing(10, 10, 1, resize=resize))
    return open_data(DataRequest(str(path)), [image], labels=labels)


def boxes(path: Path, resize: str = "stretch", labels: tuple[str, ...] = ()) -> list[list[float]]:
    """The true boxes of the first image."""
    batch = next(iter(opened(path, resize, labels).everything.batches(2)))
    assert batch.names == ("a.png", "b.png")
    assert batch.inputs["image"].shape == (2, 10, 10, 1)
    table = batch.ground_truth[BOX_GROUND_TRUTH]
    assert (table[1, :, 0] == -1).all()
    return [row for row in table[0].tolist() if row[0] >= 0]


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        pytest.param("stretch", [[1, 2, 2, 6, 6, 0], [0, 0, 0, 1.125, 5, 1]], id="stretch"),
        # The image is 10 × 5 in the middle, from y = 2 on.
        pytest.param("pad", [[1, 2, 3, 6, 5, 0], [0, 0, 2, 1.125, 4.5, 1]], id="pad"),
        # The middle 20 × 20: the dog is cut off at its left edge, and the cats completely.
        pytest.param("crop", [[1, 0, 2, 7, 6, 0]], id="crop"),
    ],
)
def test_boxes_are_in_pixels_of_the_model_s_input(tmp_path: Path, resize: str, expected: list[list[float]]) -> None:
    assert boxes(folder(tmp_path), resize) == expected


@pytest.mark.parametrize("name", ["annotations.json", "_annotations.coco.json"])
def test_a_folder_is_recognized_by_its_annotations(tmp_path: Path, name: str) -> None:
    assert find_kind(str(folder(tmp_path, name=name))).name == "COCO JSON"
    assert len(boxes(tmp_path)) == 2


def test_the_json_itself_with_its_images_in_a_sub_folder(tmp_path: Path) -> None:
    place = folder(tmp_path / "set", name="instances.json")
    (place / "images").mkdir()
    for name in ("a.png", "b.png"):
        (place / name).rename(place / "images" / name)
    opened_data = opened(place / "instances.json")
    assert opened_data.labels == ("cat", "dog")
    assert next(iter(opened_data.everything.batches(2))).names == ("images/a.png", "images/b.png")


def test_classes_get_the_model_s_numbers(tmp_path: Path) -> None:
    found = boxes(folder(tmp_path), labels=("dog", "bird", "cat"))
    assert [row[0] for row in found] == [0, 2]


def changed(**values: Any) -> dict[str, Any]:
    whole = content()
    for path, value in values.items():
        part, place, name = path.split("__")
        whole[part][int(place)][name] = value
    return whole


@pytest.mark.parametrize(
    ("annotations", "received"),
    [
        pytest.param("{", "Expecting", id="not-json"),
        pytest.param("[" * 100_000, "", id="deeply-nested"),
        pytest.param("[]", "list", id="list"),
        pytest.param('{"images": 3}', "no list of categories", id="no-categories"),
        pytest.param({**content(), "images": []}, "not listed", id="no-images"),
        pytest.param({**content(), "images": [], "annotations": []}, "no images", id="nothing"),
        pytest.param({**content(), "annotations": [3]}, "no list of annotations", id="annotation-number"),
        pytest.param(changed(images__0__height=0), "height = 0", id="no-height"),
        pytest.param(changed(images__0__id="7"), "id = '7'", id="id-text"),
        pytest.param(changed(images__0__id=True), "id = True", id="id-bool"),
        pytest.param(changed(images__0__file_name=None), "file_name = None", id="no-name"),
        pytest.param(changed(annotations__0__image_id=8), "image 8", id="unknown-image"),
        pytest.param(changed(annotations__0__category_id=1), "category 1", id="unknown-category"),
        pytest.param(changed(annotations__0__bbox=[1, 2, 3]), "bbox = [1, 2, 3]", id="three-numbers"),
        pytest.param(changed(annotations__0__bbox=[1, 2, -3, 4]), "bbox", id="negative-width"),
        pytest.param(changed(annotations__0__bbox=[1, 2, float("nan"), 4]), "bbox", id="nan"),
        pytest.param(changed(annotations__0__bbox=[1, 2, 10**400, 4]), "bbox", id="huge"),
        pytest.param(changed(annotations__0__bbox="1,2,3,4"), "bbox", id="text"),
    ],
)
def test_hostile_annotations_are_an_error(tmp_path: Path, annotations: Any, received: str) -> None:
    with pytest.raises(DataError, match="as COCO does") as caught:
        opened(folder(tmp_path, annotations))
    assert received in caught.value.received


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.png", "a\0.png", "..\\a.png", ""])
def test_images_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="not inside"):
        opened(folder(tmp_path, changed(images__0__file_name=name)))


def test_an_image_of_another_size_than_annotated(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="another size than its annotations"):
        boxes(folder(tmp_path, changed(images__0__width=41)))


def test_a_missing_image(tmp_path: Path) -> None:
    (folder(tmp_path) / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png"):
        boxes(tmp_path)


def test_a_model_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not take images of a fixed size"):
        open_data(DataRequest(str(folder(tmp_path))), [ModelInput("x", (-1, 5), "float32")])
