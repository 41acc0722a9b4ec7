"""``edgekit pack`` and ``edgekit unpack`` as functions, for a .tflite made by any tool."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit import __version__
from edgekit.artifacts.box_heads import BoxHead, BoxOptions, find_head, golden_answer, usable_head
from edgekit.artifacts.golden import choose_golden_inputs
from edgekit.datasets.model_inputs import (
    PixelRange,
    inputs_of,
    preprocessing_by_name,
    raw_claim,
    raw_inputs_by_name,
    with_pixels,
    with_tokenizer,
)
from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.readers.image_options import ImageOptions
from edgekit.datasets.sound_options import SoundOptions
from edgekit_converters.atomic_files import write_bytes
from edgekit_converters.lowering import ModelInput
from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_converters.packaging.foreign_metadata import ForeignMetadata, read_foreign_metadata
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_runtime.classification import class_count, labels_for
from edgekit_runtime.errors import InterpreterError, ModelFileError
from edgekit_runtime.inputs.raw_inputs import read_raw_inputs
from edgekit_runtime.model import Model
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, Manifest, Parts, read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.sequences.decoding import SEQUENCE
from edgekit_runtime.sequences.golden_texts import pack_texts
from edgekit_runtime.task import IMAGE, NOTHING_SAID, Claim, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.text import Tokenizer
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True)
class PackOptions:
    """Options of packing.

    Attributes:
        labels: Class names; if empty, those in the file are kept.
        data: Data for the golden examples; None generates random inputs.
        seed: Seed for choosing the golden examples.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image; all other images
            keep the values in the file.
        image_options: Further options for preprocessing images.
        claim: The user's declaration of the model's task.
        boxes: The user's declaration of how outputs become boxes.
        sound: The user's declaration of how recordings become the input.
        tokenizer: Makes the only input of tokens from texts; None keeps what is packed.
    """

    labels: tuple[str, ...] = ()
    data: str | None = None
    seed: int = 0
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    image_options: ImageOptions = field(default_factory=ImageOptions)
    claim: Claim = NOTHING_SAID
    boxes: BoxOptions = field(default_factory=BoxOptions)
    sound: SoundOptions = field(default_factory=SoundOptions)
    tokenizer: Tokenizer | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """A packed file.

    Attributes:
        path: Path of the file.
        size_bytes: File size in bytes.
        added_bytes: Number of bytes added to the plain model.
        manifest: Packed manifest.
        notes: Sentences for the user.
    """

    path: Path
    size_bytes: int
    added_bytes: int
    manifest: Manifest
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "added_bytes": self.added_bytes,
            "manifest": self.manifest.to_dict(),
            "notes": list(self.notes),
        }


def pack_file(model: Path, output: Path, options: PackOptions) -> Packed:
    """Pack labels, preprocessing and golden examples into a .tflite; the same arguments give the same bytes.

    Everything that edgekit or another tool packed before is kept unless ``options`` replace it.

    Args:
        model: Path of a .tflite made by any tool.
        output: Output path; may be equal to ``model``.
        options: Options of packing.
    Raises:
        EdgekitError: The file, the data or the options cannot be used; nothing is written in that case.
    """
    content = read_model_file(model)
    whole = TfliteModel(content)
    description = whole.description
    before, unpacked = read_manifest(content), unpack(whole)
    foreign = read_foreign_metadata(content, unpacked.parts)
    labels, notes = _labels(description, before.labels or foreign.labels, options)
    head = find_head(options.boxes, description, before.decoding, Parts(content).read)
    claim = options.sound.claimed(head.claimed(options.claim) if head else options.claim)
    packed_raw = read_raw_inputs(model_inputs(description), before.raw_preprocessing, Parts(content).read)
    own = with_tokenizer(inputs_of(model_inputs(description)), options.tokenizer)
    raw_inputs = {**packed_raw, **raw_inputs_by_name(own)}
    task = find_task(description, [claim, raw_claim(raw_inputs), before.task], label_count=len(labels))
    inputs = _inputs(description, task, before, foreign, options)
    inputs = options.sound.applied_to([replace(each, raw=raw_inputs.get(each.name)) for each in inputs])
    preprocessing = preprocessing_by_name(inputs)
    raw = raw_inputs_by_name(inputs)
    head = usable_head(head, options.boxes, preprocessing)
    if preprocessing and not (before.preprocessing or foreign.mean or options.pixel_ranges):
        notes.append("Pixels 0 to 255 are assumed to become 0 to 1; --pixel-range overrides that.")
    provenance = {"source_sha256": hashlib.sha256(unpacked.model.content).hexdigest(), **before.provenance}
    manifest = Manifest(
        labels=labels,
        preprocessing=preprocessing,
        provenance={**provenance, "edgekit": __version__},
        task=task.as_claim(),
        raw_preprocessing={name: each.to_dict() for name, each in raw.items()},
        decoding={**before.decoding, **(head.to_manifest() if head else {})},
    )
    parts = {part: data for each in (*raw.values(), head) if each for part, data in each.parts().items()}
    is_unchanged = (
        before.raw_preprocessing == manifest.raw_preprocessing
        and before.decoding == manifest.decoding
        and all(unpacked.parts.get(name) == data for name, data in parts.items())
        and all(before.preprocessing_of(name) == how for name, how in preprocessing.items())
    )
    other_parts = {**unpacked.parts, **parts}
    keeps = options.data is None and GOLDEN_NAME in unpacked.parts and is_unchanged
    golden = unpacked.parts.get(GOLDEN_NAME, b"") if keeps else b""
    if not keeps:
        without = {name: content for name, content in other_parts.items() if name != GOLDEN_NAME}
        generates = SEQUENCE in manifest.decoding
        generator = edgekit_runtime.load(pack(unpacked.model, manifest, other_parts=without)) if generates else None
        made = _golden(unpacked.model, inputs, task, options, labels=manifest.labels, head=head, generator=generator)
        golden = made[0]
        manifest = manifest._replace(provenance={**manifest.provenance, "golden": made[1]})
    if not golden:
        notes.append("The model cannot be run on inputs made up for it: no golden examples. --data gives real ones.")
    artifact = pack(unpacked.model, manifest, golden, name=model.stem, other_parts=other_parts)
    write_bytes(output, artifact)
    return Packed(output, len(artifact), len(artifact) - len(unpacked.model), read_manifest(artifact), tuple(notes))


def unpack_file(model: Path, folder: Path) -> tuple[Path, ...]:
    """Write the plain model, as it was before packing, and each part into a folder.

    Raises:
        ModelFileError: The file is damaged, or the name of a part leads out of the folder; nothing is written in that
            case.
    """
    unpacked = unpack(TfliteModel(read_model_file(model)))
    plain = f"{model.stem}.plain.tflite"
    files = {plain: unpacked.model.content, **unpacked.parts}
    places = {name: folder / _inside(name) for name in files}
    if plain in unpacked.parts or len(set(places.values())) < len(places):
        raise ModelFileError(f"{model.name} holds parts of the same name.", received=", ".join(sorted(files)))
    for name, content in files.items():
        if not name.endswith("/"):
            places[name].parent.mkdir(parents=True, exist_ok=True)
            write_bytes(places[name], content)
    return tuple(place for name, place in places.items() if not name.endswith("/"))


def _inside(name: str) -> PurePosixPath:
    """Convert the name of a part to a path, and refuse one that leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name or not path.parts:
        raise ModelFileError(
            f"The part {name!r} would be written outside the folder.",
            expected="parts with plain names",
            next_step="do not trust this file; look at it with: unzip -l",
        )
    return path


def _labels(
    description: ModelDescription, packed: tuple[str, ...], options: PackOptions
) -> tuple[tuple[str, ...], list[str]]:
    """The user's labels or else those packed before, and a sentence if their number differs from the model's classes.

    Raises:
        UsageError: The number of the user's labels differs from the number of classes.
    """
    classes = class_count([output.shape for output in description.outputs])
    if options.labels:
        return labels_for(options.labels, classes) if classes else options.labels, []
    if classes and len(packed) not in (0, classes):
        return (), [
            f"The file holds {len(packed)} labels and the model has {classes} classes: these labels were left out. Pass"
            f" --labels, a text file of {classes} lines in the order of training."
        ]
    return packed, []


def _inputs(
    description: ModelDescription, task: Task, before: Manifest, foreign: ForeignMetadata, options: PackOptions
) -> tuple[ModelInput, ...]:
    """The inputs with the preprocessing of images, from the user, edgekit's manifest, another tool, or else 0 to 1."""
    infos = model_inputs(description)
    images = task.named(IMAGE)
    packed: dict[str, PixelRange] = dict(before.preprocessing)
    inputs = with_pixels(inputs_of(infos), task, options.pixel_ranges, packed=packed)
    if len(images) != 1:
        options.image_options.applied_to(None)
        return inputs
    how = preprocessing_by_name(inputs).get(images[0])
    if how is None:
        options.image_options.applied_to(None)
        return inputs
    is_new = not options.pixel_ranges and before.preprocessing_of(images[0]) is None
    if is_new and len(foreign.mean) in (1, how.channels):
        # The normalization of the metadata standard applies to pixels from 0 to 255.
        how = ImageOptions(foreign.mean, foreign.std).applied_to(how._replace(scale=1.0, offset=0.0))
    applied = options.image_options.applied_to(how)
    return tuple(replace(each, pixels=applied) if each.name == images[0] else each for each in inputs)


def _golden(
    model: TfliteModel,
    inputs: Sequence[ModelInput],
    task: Task,
    options: PackOptions,
    *,
    labels: tuple[str, ...],
    head: BoxHead | None,
    generator: Model | None,
) -> tuple[bytes, dict[str, Any]]:
    data = None
    if options.data is not None:
        data = open_data(DataRequest(options.data, options.seed), inputs, labels=labels).held_back
    preprocessing, raw = preprocessing_by_name(inputs), raw_inputs_by_name(inputs)
    chosen = choose_golden_inputs(model.description, data, preprocessing, raw, seed=options.seed)
    decode = golden_answer(head, model.description, preprocessing)
    if generator is not None:
        try:
            answers = [each.answer for each in generator.generate(chosen.values)]
        except InterpreterError:
            return b"", {}
        decode = partial(_packed_texts, answers)
    golden = make_golden(
        model,
        chosen.arrays,
        origin=chosen.origin,
        preprocessing={**preprocessing, **raw},
        task=task,
        decode=decode,
    )
    return (b"", {}) if golden is None else (golden.content, golden.facts)


def _packed_texts(answers: Sequence[str], _: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """What a file generated for golden examples; a decoder's tokens do not follow from the encoder's outputs alone."""
    return pack_texts(answers)
