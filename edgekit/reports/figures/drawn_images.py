"""Draws boxes and masks into images, one file per image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.localization import Found
from edgekit.prediction import STANDARD_INPUT
from edgekit.reports.figures.palette import CLASS_COLORS
from edgekit_converters.atomic_files import replacing
from edgekit_runtime.boxes.detection import Detection
from edgekit_runtime.errors import UsageError
from edgekit_runtime.inputs.preprocessing import blend_over_white
from edgekit_runtime.printable_text import one_line
from edgekit_runtime.segmentation import NOT_SEEN, Segmentation

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

#: Smaller images are enlarged by a whole number, so that labels can be read.
_SHORTEST_SIDE = 320
_LONGEST_LABEL = 24
#: Share of a class's colour in the pixels of its mask.
_MASK_SHARE = 0.55
#: A class of this name is left as it is.
_BACKGROUND = "background"


class DrawnImages:
    """A folder of drawn images, named after the images: the first ``a.png`` gives ``a.png``, the second ``a-2.png``.

    Args:
        folder: Folder to write; it is made if it does not exist.
        images: Paths of the images.
    Raises:
        UsageError: The folder holds one of the images, which would be overwritten, or is a file.
    """

    def __init__(self, folder: Path, images: Sequence[str]) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(
                f"{folder} is a file.", expected="a folder, for one file per image", next_step="pass --draw FOLDER"
            )
        own = [
            image for image in images if image != STANDARD_INPUT and Path(image).parent.resolve() == folder.resolve()
        ]
        if own:
            raise UsageError(
                f"The drawn images would overwrite {own[0]}.",
                expected="another folder than that of the images",
                received=str(folder),
            )
        self._folder = folder
        self._names: set[str] = set()

    def draw(self, image: str, pixels: np.ndarray, found: Found) -> None:
        """Draw what was found in an image, uint8 (1, H, W, C), and write it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_mask(pixels, found) if isinstance(found, Segmentation) else draw_boxes(pixels, found)
        with replacing(self._folder / self._name(image)) as temporary:
            drawn.save(temporary, format="PNG")

    def _name(self, image: str) -> str:
        stem = "standard-input" if image == STANDARD_INPUT else Path(image).stem
        name, number = f"{stem}.png", 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}.png"
        self._names.add(name)
        return name


def draw_boxes(pixels: np.ndarray, detections: Sequence[Detection]) -> Image:
    """Draw boxes with their labels and scores; the best ones on top.

    Args:
        pixels: uint8 (1, H, W, C).
        detections: Objects in the image.
    """
    from PIL import ImageDraw

    picture, scale = _enlarged(pixels)
    pen, width = ImageDraw.Draw(picture), max(2, min(picture.size) // 160)
    font = _font(picture)
    for each in reversed(detections):
        color = _color(each.index)
        left, top, right, bottom = (edge * scale for edge in each.box)
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=color, width=width)
        text = f"{_short(each.label)}: {each.score:.0%}"
        # Inside the image, even if the box touches its upper or right edge.
        x0, y0, x1, y1 = pen.textbbox((0, 0), text, font=font)
        x, y = max(0, min(left, picture.width - (x1 - x0) - 2 * width)), max(0, top - (y1 - y0) - 2 * width)
        pen.rectangle((x, y, x + x1 - x0 + 2 * width, y + y1 - y0 + 2 * width), fill=color)
        pen.text((x + width - x0, y + width - y0), text, fill="white", font=font)
    return picture


def draw_mask(pixels: np.ndarray, segmentation: Segmentation) -> Image:
    """Colour the classes of an image, with a legend below it.

    Args:
        pixels: uint8 (1, H, W, C).
        segmentation: Class of each pixel.
    """
    from PIL import Image

    classes = segmentation.class_map
    colored = _rgb(pixels).astype(np.float32)
    for index in np.unique(classes).tolist():
        if index == NOT_SEEN or segmentation.label_of(index) == _BACKGROUND:
            continue
        where = classes == index
        color = np.array(_rgb_of(_color(index)), np.float32)
        colored[where] = (1 - _MASK_SHARE) * colored[where] + _MASK_SHARE * color
    colored[classes == NOT_SEEN] /= 3
    picture = Image.fromarray(colored.astype(np.uint8))
    scale = _scale(picture)
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    return _with_legend(picture, segmentation)


def _with_legend(picture: Image, segmentation: Segmentation) -> Image:
    from PIL import Image, ImageDraw

    font, areas = _font(picture), segmentation.areas()
    index_of = {segmentation.label_of(each): each for each in np.unique(segmentation.class_map).tolist()}
    whole, size = sum(areas.values()), _font_size(picture)
    rows = [(label, f"{_short(label)}: {pixels / whole:.0%}") for label, pixels in areas.items()][:12]
    height = int(size * 1.5)
    page = Image.new("RGB", (picture.width, picture.height + height * len(rows)), "white")
    page.paste(picture, (0, 0))
    pen = ImageDraw.Draw(page)
    for place, (label, text) in enumerate(rows):
        y = picture.height + place * height
        color = "white" if label == _BACKGROUND else _color(index_of[label])
        pen.rectangle((size // 3, y + size // 4, size * 4 // 3, y + size * 5 // 4), fill=color, outline="black")
        pen.text((size * 5 // 3, y + size // 6), text, fill="black", font=font)
    return page


def _enlarged(pixels: np.ndarray) -> tuple[Image, int]:
    from PIL import Image

    picture = Image.fromarray(_rgb(pixels))
    scale = _scale(picture)
    size = picture.width * scale, picture.height * scale
    return (picture.resize(size, Image.Resampling.NEAREST) if scale > 1 else picture), scale


def _scale(picture: Image) -> int:
    return max(1, -(-_SHORTEST_SIDE // min(picture.size))) if max(picture.size) < 4 * _SHORTEST_SIDE else 1


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) from (1, H, W, C)."""
    opaque = blend_over_white(pixels)[0]
    return np.ascontiguousarray(np.broadcast_to(opaque, (*opaque.shape[:2], 3)))


def _font_size(picture: Image) -> int:
    return max(12, min(picture.size) // 24)


def _font(picture: Image) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_font_size(picture))


def _short(label: str) -> str:
    text = one_line(label)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _color(index: int) -> str:
    return CLASS_COLORS[index % len(CLASS_COLORS)]


def _rgb_of(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))
