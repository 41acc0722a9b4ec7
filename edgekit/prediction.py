"""Classifies images, recordings or texts from files, folders, patterns or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.kinds import IMAGES, WAV
from edgekit.datasets.readers.folders import regular_files
from edgekit.datasets.readers.tables import lines_of
from edgekit.progress import tracked
from edgekit_runtime.classification import LabelScore
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.inputs.image_decoding import MAX_IMAGE_PIXELS, decode_image
from edgekit_runtime.inputs.preprocessing import blend_over_white
from edgekit_runtime.model import Model
from edgekit_runtime.task import SOUND

STANDARD_INPUT = "-"
_TEXTS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for each image.

    Attributes:
        answers: Labels and scores by image, the highest score first, in the order of the images.
        unreadable: Error by image, for images that could not be read.
        transparent: Images with transparent parts, which are treated as white.
        thumbnails: The first images, at most 256 pixels wide and high, uint8 (H, W, 1) or (H, W, 3); empty unless
            requested.
    """

    answers: dict[str, tuple[LabelScore, ...]] = field(default_factory=dict)
    unreadable: dict[str, DataError] = field(default_factory=dict)
    transparent: list[str] = field(default_factory=list)
    thumbnails: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0, or the exit code of an error if an image could not be read."""
        return DataError.exit_code if self.unreadable else 0

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "results": [
                {"image": image, "answers": [entry.to_dict() for entry in entries]}
                for image, entries in self.answers.items()
            ],
            "unreadable": [{"image": image, **error.to_dict()} for image, error in self.unreadable.items()],
            "transparent": self.transparent,
        }


@dataclass(frozen=True, slots=True)
class TextPredictions:
    """Predictions for texts.

    Attributes:
        answers: Each text with its labels and scores, the highest score first, in the order of the texts.
    """

    answers: tuple[tuple[str, tuple[LabelScore, ...]], ...]
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "results": [
                {"text": text, "answers": [entry.to_dict() for entry in entries]} for text, entries in self.answers
            ]
        }


def find_texts(texts: Iterable[str], files: Iterable[str]) -> list[str]:
    """The texts of the user, and the lines of files that are not empty; ``-`` stands for standard input.

    Raises:
        DataError: A file cannot be read, or is not text.
        UsageError: There is no text.
    """
    found = [*texts, *(line.rstrip("\r\n") for name in files for line in _lines_of(name) if line.strip())]
    if not found:
        raise UsageError("There is no text to classify.", expected="--text, or files with one text per line")
    return found


def _lines_of(name: str) -> Iterator[str]:
    if name == STANDARD_INPUT:
        for line in sys.stdin.buffer:
            yield line.decode("utf-8", "replace")
    else:
        for _, text in lines_of(Path(name)):
            yield text


def classify_texts(model: Model, texts: list[str], top_k: int) -> TextPredictions:
    """Classify each text.

    Args:
        model: Model to run.
        texts: Texts in any order.
        top_k: Number of labels per text.
    Raises:
        EdgekitError: The model does not classify texts.
    """
    starts = range(0, len(texts), _TEXTS_AT_ONCE)
    found = [
        entry.top
        for start in tracked(starts, "Classifying", total=len(starts))
        for entry in model.classify(texts[start : start + _TEXTS_AT_ONCE], top_k=top_k)
    ]
    return TextPredictions(tuple(zip(texts, found, strict=True)))


def find_examples(model: Model, named: Iterable[str]) -> list[str]:
    """Expand files, folders and patterns to a list of what the model takes, images or recordings; ``-`` is kept.

    Args:
        model: Model that will classify them.
        named: Arguments of the user. A folder is replaced by the images or recordings in it and its sub-folders, and a
            pattern such as ``photos/*.jpg`` by its matches; a file may have any name.
    Raises:
        UsageError: A folder or a pattern matches nothing.
    """
    kind = WAV if model.task.named(SOUND) else IMAGES
    return list(dict.fromkeys(example for name in named for example in _examples_of(name, kind.suffixes)))


def _examples_of(name: str, suffixes: frozenset[str]) -> Iterator[str]:
    path = Path(name)
    if path.is_dir():
        found = regular_files(path.rglob("*"), suffixes)
    elif set(name) & set("*?[") and not path.exists():
        found = _matches(path)
    else:
        yield name
        return
    if not found:
        raise UsageError(
            f"{name} matches no file.",
            expected=f"a pattern that matches files, or a folder with {', '.join(sorted(suffixes))}",
        )
    yield from map(str, found)


def _matches(pattern: Path) -> list[Path]:
    try:
        matches = list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError:
        # Before Python 3.13, ** must be a whole component of the path.
        return []
    return sorted(match for match in matches if match.is_file())


def classify_recordings(model: Model, recordings: list[str], top_k: int) -> Predictions:
    """Classify each recording, and continue after a file that cannot be read.

    Args:
        model: Model to run.
        recordings: Paths of WAV files, or ``-`` for the bytes of one on standard input.
        top_k: Number of labels per recording.
    Raises:
        DataError: The only recording cannot be read.
        EdgekitError: The model does not classify recordings.
    """
    predictions = Predictions()
    for recording in tracked(recordings, "Classifying", total=len(recordings)):
        source = sys.stdin.buffer.read() if recording == STANDARD_INPUT else recording
        try:
            predictions.answers[recording] = model.classify(source, top_k=top_k)[0].top
        except DataError as error:
            if len(recordings) == 1:
                raise
            predictions.unreadable[recording] = error
    return predictions


def classify_images(model: Model, images: list[str], top_k: int, thumbnails: int = 0) -> Predictions:
    """Classify each image, and continue after an image that cannot be read.

    Args:
        model: Model to run.
        images: Paths of files, or ``-`` for the bytes of an image on standard input.
        top_k: Number of labels per image.
        thumbnails: Maximum number of images to keep for a figure.
    Raises:
        DataError: The only image cannot be read.
        EdgekitError: The model does not classify images.
    """
    predictions = Predictions()
    for image in tracked(images, "Classifying", total=len(images)):
        source = sys.stdin.buffer.read() if image == STANDARD_INPUT else image
        try:
            pixels = decode_image(source, MAX_IMAGE_PIXELS)
        except DataError as error:
            if len(images) == 1:
                raise
            predictions.unreadable[image] = error
            continue
        # The shape is (1, H, W, C), because three axes could also mean several grayscale images.
        batch = pixels.reshape(1, *pixels.shape[:2], -1)
        predictions.answers[image] = model.classify(batch, top_k=top_k)[0].top
        if batch.shape[-1] in _WITH_ALPHA and batch[..., -1].min() < _OPAQUE:
            predictions.transparent.append(image)
        if len(predictions.thumbnails) < thumbnails:
            predictions.thumbnails[image] = _thumbnail(pixels)
    return predictions


#: Number of channels of grayscale or colour images with transparency.
_WITH_ALPHA = (2, 4)
_OPAQUE = 255
_THUMBNAIL_PIXELS = 256


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((_THUMBNAIL_PIXELS, _THUMBNAIL_PIXELS))
    small = np.asarray(image)
    return blend_over_white(small.reshape(1, *small.shape[:2], -1))[0]
