"""The manifest of an artifact: task, labels, preprocessing, provenance and digests; and access to the packed parts.

The parts are stored in a zip appended to the FlatBuffer. Interpreters and other tools read the FlatBuffer and ignore
the zip; ``unzip -l model.tflite`` lists it. Nothing in it is trusted: sizes are bounded and types checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit_runtime.classification import split_labels
from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.zip_parts import flatbuffer_end, list_parts, require_no_gaps, unpack_part
from edgekit_runtime.task import FILE, IMAGE, UNNAMED, Claim

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

MANIFEST_NAME = "edgekit.json"
LABELS_NAME = "labels.txt"
GOLDEN_NAME = "golden.npz"
SIGNATURE_NAME = "edgekit.sig"
#: Version 1 had no task, and a single preprocessing without an input name; version 2 had preprocessing for images only.
SCHEMA_VERSION = 3
# Far more than parts need: a manifest is a page of JSON, labels are words, golden examples are a few inputs.
_LARGEST_PART_BYTES = 16_000_000
_MOST_PARTS = 1000
# Code that walks through nested values would otherwise reach Python's recursion limit, which depends on the Python
# version and on the depth of the caller.
_DEEPEST = 50
_SHORTEST_SIDE = 8


class Manifest(NamedTuple):
    """The metadata packed into a .tflite.

    Attributes:
        labels: Name of each class, in the order of the model's output; empty if they are not known.
        preprocessing: How images are converted to an input, by input name; under ``UNNAMED`` for the only input.
        provenance: Origin of the model, as JSON values by name: ``source_sha256``, ``keras_version``, ``quantize``
            (the mode), ``calibration``, ``targets`` (the checked ones), ``golden``, ….
        model_sha256: SHA-256 digest of the FlatBuffer in hex; empty if it was not computed.
        tensor_sha256: First 16 hex digits of the digest of each constant tensor: one list per subgraph, in the
            order of the tensors.
        task: Known kinds of inputs and outputs.
        raw_preprocessing: How recordings or strings become an input, by input name: plain JSON values, which
            ``inputs.raw_inputs`` reads when the model first needs them.
        decoding: How outputs become an answer, by the kind of the answer, such as ``boxes``: plain JSON values, which
            the code for that kind reads.
    """

    labels: tuple[str, ...] = ()
    preprocessing: Mapping[str, Preprocessing] = MappingProxyType({})
    provenance: Mapping[str, Any] = MappingProxyType({})
    model_sha256: str = ""
    tensor_sha256: tuple[tuple[str, ...], ...] = ()
    task: Claim = Claim(FILE)
    raw_preprocessing: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    decoding: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    @property
    def release(self) -> int | None:
        """Release number, which increases from one signed version of a model to the next; None if there is none."""
        number = self.provenance.get("release")
        return number if type(number) is int and number >= 0 else None

    def preprocessing_of(self, name: str) -> Preprocessing | None:
        """How images are converted to an input; None if that is not known."""
        return self.preprocessing.get(name) or self.preprocessing.get(UNNAMED)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stored in ``edgekit.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "labels": list(self.labels),
            "task": {"inputs": dict(self.task.inputs), "outputs": dict(self.task.outputs)},
            "preprocessing": {
                **{name: how.to_dict() for name, how in self.preprocessing.items()},
                **{name: dict(fields) for name, fields in self.raw_preprocessing.items()},
            },
            "decoding": {kind: dict(fields) for kind, fields in self.decoding.items()},
            "provenance": dict(self.provenance),
            "model_sha256": self.model_sha256,
            "tensor_sha256": [list(digests) for digests in self.tensor_sha256],
        }


class Parts:
    """The zip behind a FlatBuffer.

    Attributes:
        start: Offset at which the FlatBuffer ends and the zip begins; the file's size if there is no zip.
        names: Names of the parts.
    """

    def __init__(self, model: Content) -> None:
        self._model = model
        try:
            entries = list_parts(model)
        except ValueError as error:
            raise _damaged(str(error)) from error
        self.names: list[str] = [entry.name for entry in entries]
        self._entries = dict(zip(self.names, entries))
        if len(entries) > _MOST_PARTS or len(self._entries) < len(entries):
            raise _damaged(f"{len(entries)} parts, some of the same name")
        self.start: int = flatbuffer_end(model)

    def require_no_gaps(self) -> None:
        """Raise an error if the zip contains bytes outside its parts: gaps, comments, extra fields.

        Raises:
            ModelFileError: The zip contains such bytes.
        """
        try:
            require_no_gaps(self._model)
        except ValueError as error:
            raise ModelFileError(
                "The zip behind the model contains bytes that a signature does not cover.",
                expected="parts one after the other, as edgekit pack writes them",
                received=str(error),
                next_step="pack the model again: edgekit pack model.tflite; then sign it",
            ) from error

    def read(self, name: str) -> bytes:
        """Read and decompress one part; empty if it does not exist.

        Raises:
            ModelFileError: The part is damaged or suspiciously large.
        """
        entry = self._entries.get(name)
        if entry is None:
            return b""
        if entry.size > _LARGEST_PART_BYTES:
            raise _damaged(f"{name} unpacks to {entry.size} bytes")
        try:
            return unpack_part(self._model, entry)
        except ValueError as error:
            raise _damaged(f"{name}: {error}") from error


def read_manifest(model: Content, digest_of_start: Callable[[int], str] | None = None) -> Manifest:
    """Read the manifest of a .tflite, and compare the FlatBuffer with the packed digest.

    Args:
        model: Content of the whole file.
        digest_of_start: Returns the digest of the model's first bytes, given their number; by default it is computed.
    Returns:
        The manifest; an empty one if nothing is packed.
    Raises:
        ModelFileError: The manifest is damaged, or it was packed with another FlatBuffer.
    """
    parts = Parts(model)
    if SIGNATURE_NAME in parts.names:
        parts.require_no_gaps()
    manifest = packed_manifest(parts)
    digest_of = digest_of_start or (lambda size: sha256(memoryview(model)[:size]))
    if manifest.model_sha256 and digest_of(parts.start) != manifest.model_sha256:
        raise ModelFileError(
            "The model is not the one that its manifest was packed with: some of its bytes have changed.",
            expected=f"SHA-256 {manifest.model_sha256}",
            received="another digest",
            next_step="copy the file to this machine again; edgekit verify names the tensors that differ",
        )
    return manifest


def packed_manifest(parts: Parts) -> Manifest:
    """Read only the manifest, without checking the FlatBuffer.

    Raises:
        ModelFileError: The manifest is damaged.
    """
    try:
        labels = split_labels(parts.read(LABELS_NAME).decode())
        content = json.loads(parts.read(MANIFEST_NAME) or b"{}")
    except (ValueError, RecursionError) as error:
        raise _damaged(str(error)) from error
    manifest = _manifest(content, labels)
    lost = [name for name in content.get("parts", []) if name not in parts.names]
    if lost:
        raise _damaged(f"{lost[0]} is missing")
    return manifest


def _manifest(content: Any, labels: tuple[str, ...]) -> Manifest:
    if _is_deeper(content, _DEEPEST):
        raise _damaged(f"its values are nested deeper than {_DEEPEST} levels")
    if not isinstance(content, dict):
        raise _damaged(f"{MANIFEST_NAME} is not a JSON object")
    version = content.get("schema_version", SCHEMA_VERSION)
    if type(version) is not int or version < 1:
        raise _damaged(f"its schema version is {version!r}")
    if version > SCHEMA_VERSION:
        raise ModelFileError(
            "The model was packed by a newer edgekit than this one.",
            expected=f"manifest schema version {SCHEMA_VERSION}",
            received=f"version {version}",
            next_step="pip install --upgrade edgekit-runtime",
        )
    preprocessing, provenance = content.get("preprocessing") or {}, content.get("provenance", {})
    model_sha256, digests = content.get("model_sha256", ""), content.get("tensor_sha256", [])
    for name, value, kind in (
        ("preprocessing", preprocessing, dict),
        ("decoding", content.get("decoding", {}), dict),
        ("task", content.get("task", {}), dict),
        ("provenance", provenance, dict),
        ("model_sha256", model_sha256, str),
        ("tensor_sha256", digests, list),
        ("parts", content.get("parts", []), list),
    ):
        if not isinstance(value, kind):
            raise _damaged(f"{name} is a {type(value).__name__}")
    if not all(isinstance(part, list) and all(isinstance(digest, str) for digest in part) for part in digests):
        raise _damaged("tensor_sha256 does not contain digests")
    task = _task(content.get("task", {}))
    if version == 1 and preprocessing:
        preprocessing = {UNNAMED: preprocessing}
    raw = {name: fields for name, fields in preprocessing.items() if isinstance(fields, dict) and "kind" in fields}
    known = {name: _preprocessing(fields) for name, fields in preprocessing.items() if name not in raw}
    if version == 1:
        task = Claim(FILE, inputs={name: IMAGE for name, how in known.items() if _is_image(how)})
    return Manifest(
        labels=labels,
        preprocessing=known,
        provenance=provenance,
        model_sha256=model_sha256,
        tensor_sha256=tuple(tuple(part) for part in digests),
        task=task,
        raw_preprocessing=raw,
        decoding=_decoding(content.get("decoding", {})),
    )


def _preprocessing(fields: Any) -> Preprocessing:
    if not isinstance(fields, dict):
        raise _damaged(f"a preprocessing is a {type(fields).__name__}")
    try:
        return Preprocessing.from_dict(fields)
    except UsageError as error:
        raise _damaged(f"preprocessing: {error.problem} {error.received}") from error


def _decoding(fields: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if not all(isinstance(each, dict) for each in fields.values()):
        raise _damaged("decoding does not contain JSON objects")
    return fields


def _is_image(preprocessing: Preprocessing) -> bool:
    """Whether a preprocessing of version 1 is for images; that version treated recordings as images one pixel wide."""
    return min(preprocessing.height, preprocessing.width) >= _SHORTEST_SIDE


def _task(fields: dict[str, Any]) -> Claim:
    """Read the packed kinds; kinds that this version does not know are ignored later, when the task is found."""
    kinds = [fields.get(name, {}) for name in ("inputs", "outputs")]
    for each in kinds:
        if not isinstance(each, dict) or not all(isinstance(kind, str) for kind in each.values()):
            raise _damaged("task does not contain kinds")
    return Claim(FILE, *kinds)


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether JSON lists and objects are nested deeper than ``levels``."""
    level = [value]
    for _ in range(levels):
        containers = [item for item in level if isinstance(item, (dict, list))]
        level = [item for part in containers for item in (part.values() if isinstance(part, dict) else part)]
    return any(isinstance(item, (dict, list)) for item in level)


def sha256(content: bytes | memoryview) -> str:
    """SHA-256 digest in hex."""
    return hashlib.sha256(content).hexdigest()


def _damaged(why: str) -> ModelFileError:
    return ModelFileError(
        "The manifest packed into the model is damaged.",
        received=why,
        next_step="convert the model again, or copy it to the device again",
    )
