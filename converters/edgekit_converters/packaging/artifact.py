"""One .tflite that contains its labels, preprocessing, provenance and golden examples."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit_converters.packaging.metadata_block import add_metadata, block_size
from edgekit_converters.packaging.standard_metadata import STANDARD_NAME, standard_metadata
from edgekit_converters.packaging.tensor_digests import tensor_digests
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.manifest import (
    GOLDEN_NAME,
    LABELS_NAME,
    MANIFEST_NAME,
    SIGNATURE_NAME,
    Manifest,
    Parts,
)
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: The parts that edgekit itself writes.
OWN_PARTS = (MANIFEST_NAME, LABELS_NAME, GOLDEN_NAME, SIGNATURE_NAME)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A packed .tflite, split into model and parts.

    Attributes:
        model: The model as it was before anything was packed into it.
        parts: Content of each part by name.
    """

    model: TfliteModel
    parts: dict[str, bytes]


def pack(
    model: TfliteModel,
    manifest: Manifest,
    golden: bytes = b"",
    *,
    name: str = "model",
    other_parts: Mapping[str, bytes] | None = None,
) -> bytes:
    """Pack labels, manifest and other parts into a .tflite; equal arguments give equal bytes.

    Args:
        model: A .tflite with nothing appended.
        manifest: The manifest to pack; its digests are computed here.
        golden: Content of ``golden.npz``; if empty, it is left out.
        name: Name of the model in the standard metadata.
        other_parts: Parts that go with the manifest, such as a vocabulary, and parts of other tools, to be kept.
    Returns:
        The file for the device; every interpreter can load it unchanged.
    Raises:
        UsageError: A label contains a line break.
    """
    whole = add_metadata(model.content, {STANDARD_NAME: standard_metadata(model.description, manifest, name=name)})
    manifest = manifest._replace(
        model_sha256=hashlib.sha256(whole).hexdigest(),
        tensor_sha256=tensor_digests(model),
    )
    # The labels have a part of their own, which other tools can read as well.
    facts = {key: value for key, value in manifest.to_dict().items() if key != "labels"}
    parts = {part: content for part, content in (other_parts or {}).items() if part not in OWN_PARTS}
    if manifest.labels:
        parts[LABELS_NAME] = _lines(manifest.labels)
    if golden:
        parts[GOLDEN_NAME] = golden
    # zip has a checksum for each part, but none for the list of parts: this list reveals a lost part.
    facts["parts"] = sorted(parts)
    return append_parts(
        whole, {MANIFEST_NAME: json.dumps(facts, separators=(",", ":"), sort_keys=True).encode(), **parts}
    )


def _lines(labels: Sequence[str]) -> bytes:
    """Encode the labels as in ``labels.txt``."""
    broken = next((label for label in labels if "\n" in label), None)
    if broken is not None:
        raise UsageError(
            "A label contains a line break, so labels.txt would have one label too many.",
            expected="one line per label",
            received=repr(broken),
            next_step="rename that class",
        )
    return ("\n".join(labels) + "\n").encode()


def append_parts(model: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Append parts as a zip, or to an existing zip; equal arguments give equal bytes."""
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in parts.items():
            # The default date is the current time; a fixed one, zip's earliest, makes the bytes reproducible.
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
    return file.getvalue()


def unpack(model: TfliteModel) -> Unpacked:
    """Split a .tflite into model and parts.

    Args:
        model: The whole file, packed by edgekit, by another tool, or not at all.
    Raises:
        ModelFileError: Its parts are damaged.
    """
    parts = Parts(model.content)
    flatbuffer = model.content[: parts.start]
    plain = flatbuffer[block_size(flatbuffer) :]
    return Unpacked(
        model if plain == model.content else TfliteModel(plain), {name: parts.read(name) for name in parts.names}
    )
