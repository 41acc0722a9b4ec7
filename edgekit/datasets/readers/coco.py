"""Reads images with true boxes, as COCO's JSON describes them.

Source: https://cocodataset.org/#format-data, section "Object Detection".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.datasets.kinds import COCO_NAMES
from edgekit.datasets.model_inputs import preprocessing_by_name
from edgekit.datasets.readers.folders import file_hashes
from edgekit.datasets.source import Source
from edgekit_converters.lowering import ModelInput
from edgekit_runtime.errors import DataError
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS
from edgekit_runtime.inputs.preprocessing import Preprocessing, single_image
from edgekit_runtime.inputs.resizing import placement
from edgekit_runtime.regular_file import open_regular_file
from edgekit_runtime.task import UNNAMED

#: COCO's own annotations of 118,287 images take 470 MB.
_LARGEST_BYTES = 1_000_000_000
#: All boxes form one array, whose rows have the length of the image with the most boxes.
_MOST_ROWS = 20_000_000
#: Larger numbers of pixels are mistakes.
_FARTHEST = 10_000_000
#: A crowd is marked in the last column.
_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image with its true boxes.

    Attributes:
        path: File of the image.
        height: Height in pixels, as annotated.
        width: Width in pixels, as annotated.
        boxes: float32 (M, 6): class, x_min, y_min, x_max, y_max in pixels of the image, and 1 for a crowd.
    """

    path: Path
    height: int
    width: int
    boxes: np.ndarray


def coco_source(path: Path, model_input: ModelInput) -> Source:
    """A source of images that are decoded on request, with their boxes in pixels of the model's input.

    Args:
        path: JSON file, or a folder that holds one of ``COCO_NAMES``.
        model_input: Image input of the model.
    Raises:
        DataError: The input is not an image of a fixed size, or the file is damaged.
    """
    preprocessing = preprocessing_by_name([model_input]).get(model_input.name)
    if preprocessing is None:
        raise DataError(
            f"The model's input {model_input.name} does not take images of a fixed size.",
            expected="an input (N, height, width, 1 or 3)",
            received=f"{model_input.shape}",
            next_step=f"declare it as an image: --input {model_input.name}=image, or set its size: --input-shape",
        )
    file = path if path.is_file() else next(path / name for name in COCO_NAMES if (path / name).is_file())
    images, labels = read_annotations(file)

    def read(rows: np.ndarray) -> dict[str, np.ndarray]:
        return {UNNAMED: np.concatenate([_pixels(images[row], preprocessing) for row in rows])}

    return Source(
        name=str(path),
        count=len(images),
        read=read,
        hashes=lambda: file_hashes(tuple(image.path for image in images)),
        ground_truth={BOX_GROUND_TRUTH: _table(images, preprocessing)},
        labels=labels,
        name_of=lambda row: str(images[row].path.relative_to(file.parent)),
    )


def read_annotations(file: Path) -> tuple[list[AnnotatedImage], tuple[str, ...]]:
    """Read all images with their boxes, and the class names, in the order of COCO's category ids.

    Args:
        file: JSON in COCO's format; image names are relative to its folder, or to the sub-folder ``images``.
    Raises:
        DataError: The file is damaged, has no images, or names files outside its folder.
    """
    content = _content(file)
    categories = {_whole(each, "id", file): _text(each, "name", file) for each in _list(content, "categories", file)}
    class_of = {number: place for place, number in enumerate(sorted(categories))}
    sizes: dict[int, tuple[Path, int, int]] = {}
    for each in _list(content, "images", file):
        height, width = (_whole(each, side, file, 1) for side in ("height", "width"))
        sizes[_whole(each, "id", file)] = _place(file.parent, _text(each, "file_name", file)), height, width
    boxes: dict[int, list[tuple[float, ...]]] = {number: [] for number in sizes}
    for each in _list(content, "annotations", file):
        image, category = (_whole(each, name, file) for name in ("image_id", "category_id"))
        if image not in boxes or category not in class_of:
            raise _damaged(file, f"an annotation of image {image} and category {category}, which are not listed")
        boxes[image].append((class_of[category], *_corners(each, file), float(each.get("iscrowd") in (1, True))))
    if not sizes:
        raise _damaged(file, "no images")
    images = [
        AnnotatedImage(place, height, width, np.array(boxes[number], np.float32).reshape(-1, _COLUMNS))
        for number, (place, height, width) in sizes.items()
    ]
    return images, tuple(categories[number] for number in sorted(categories))


def _pixels(image: AnnotatedImage, preprocessing: Preprocessing) -> np.ndarray:
    pixels = single_image(image.path, MAX_IMAGE_PIXELS)
    if pixels.shape[1:3] != (image.height, image.width):
        raise DataError(
            f"{image.path} has another size than its annotations, so that its boxes would be elsewhere.",
            expected=f"{image.width} × {image.height} pixels, as annotated",
            received=f"{pixels.shape[2]} × {pixels.shape[1]} pixels (width × height)",
            next_step="annotate the image again, or correct its width and height in the JSON",
        )
    return preprocessing.pixels(pixels)


def _table(images: Sequence[AnnotatedImage], preprocessing: Preprocessing) -> np.ndarray:
    """The boxes of all images in one array, see ``BOX_GROUND_TRUTH``."""
    most = max(1, *(len(image.boxes) for image in images))
    if most * len(images) > _MOST_ROWS:
        raise DataError(
            "The data has too many boxes.",
            expected=f"at most {_MOST_ROWS:,}: the number of images times the largest number of boxes in one",
            received=f"{len(images):,} images, up to {most:,} boxes",
        )
    table = np.full((len(images), most, _COLUMNS), -1, np.float32)
    for row, image in enumerate(images):
        boxes = _in_model_input(image, preprocessing)
        table[row, : len(boxes)] = boxes
    return table


def _in_model_input(image: AnnotatedImage, preprocessing: Preprocessing) -> np.ndarray:
    """The boxes in pixels of the model's input; those that resizing cuts off completely are left out."""
    source, target = placement(
        image.height, image.width, preprocessing.height, preprocessing.width, preprocessing.resize
    )
    boxes = image.boxes.copy()
    scale = np.array([target.width / source.width, target.height / source.height] * 2)
    moved = (boxes[:, 1:5] - [source.left, source.top] * 2) * scale
    if (source.height, source.width) != (image.height, image.width):
        moved = moved.clip(0, [target.width, target.height] * 2)
    boxes[:, 1:5] = moved + [target.left, target.top] * 2
    return boxes[(boxes[:, 3] > boxes[:, 1]) & (boxes[:, 4] > boxes[:, 2])]


def _content(file: Path) -> Mapping[str, Any]:
    try:
        with open_regular_file(file) as opened:
            text = opened.read(_LARGEST_BYTES + 1)
        if len(text) > _LARGEST_BYTES:
            raise ValueError(f"more than {_LARGEST_BYTES:,} bytes")
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(file, f"a JSON {type(content).__name__}")
    return content


def _place(folder: Path, name: str) -> Path:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or "\0" in name or "\\" in name or not relative.parts:
        raise DataError(
            f"The annotations name the image {name!r:.200}, which is not inside {folder}.",
            expected="paths relative to the folder of the annotations",
            next_step="do not trust this file; correct file_name",
        )
    place = folder / relative
    return place if place.is_file() or not (folder / "images" / relative).is_file() else folder / "images" / relative


def _list(content: Mapping[str, Any], name: str, file: Path) -> list[Mapping[str, Any]]:
    entries = content.get(name)
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise _damaged(file, f"no list of {name}")
    return entries


def _whole(entry: Mapping[str, Any], name: str, file: Path, lowest: int = 0) -> int:
    value = entry.get(name)
    if type(value) is not int or not lowest <= value < 2**53:
        raise _damaged(file, f"{name} = {value!r:.80}")
    return value


def _text(entry: Mapping[str, Any], name: str, file: Path) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise _damaged(file, f"{name} = {value!r:.80}")
    return value


def _corners(entry: Mapping[str, Any], file: Path) -> tuple[float, ...]:
    """COCO's x, y, width and height as x_min, y_min, x_max, y_max."""
    box = entry.get("bbox")
    if isinstance(box, list) and len(box) == 4 and all(type(each) in (int, float) for each in box):
        x, y, width, height = box
        # NaN fails these comparisons, too.
        if all(-_FARTHEST < each < _FARTHEST for each in box) and width >= 0 and height >= 0:
            return float(x), float(y), float(x + width), float(y + height)
    raise _damaged(file, f"bbox = {box!r:.80}")


def _damaged(file: Path, received: str) -> DataError:
    return DataError(
        f"{file} does not annotate boxes as COCO does.",
        expected="a JSON object with images (id, file_name, width, height), annotations (image_id, category_id, bbox) "
        "and categories (id, name)",
        received=received,
        next_step="export the annotations in COCO's format",
    )
