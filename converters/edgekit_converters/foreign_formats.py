"""Recognizes model files of other tools by their first bytes, and says how to make a convertible file from them."""

from __future__ import annotations

import re
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgekit_runtime.errors import ModelFileError

_EXPORT = "model.eval(); torch.export.save(torch.export.export(model, (example_input,)), '{stem}.pt2')"
_EXPORT_FROM_PYTORCH = f"in PyTorch, where the model was made: {_EXPORT}"
#: The number that torch.save of PyTorch 1.5 and earlier writes first, after the pickle's own header.
_OLD_TORCH_SAVE = b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
_ONNX = re.compile(rb"\x08[\x03-\x1e](\x12[\x00-\x7f][A-Za-z]|\x3a)")
_CORE_ML = re.compile(rb"\x08[\x01-\x14]\x12[\x00-\xff]{1,3}\x0a")
#: A Core ML model of its first version starts with the same bytes.
_SAVED_MODEL = re.compile(rb"\x08\x01\x12")
_START_BYTES = 64


@dataclass(frozen=True, slots=True)
class ForeignFormat:
    """A format that edgekit does not convert.

    Attributes:
        what: Name of the format, with an article.
        next_step: Code that makes a convertible file; ``{name}`` and ``{stem}`` are replaced by those of the file.
    """

    what: str
    next_step: str


_TORCH_SAVE = ForeignFormat(
    "a PyTorch checkpoint: weights or pickled objects, without the model's computation",
    "in Python, with the model's class: model.load_state_dict(torch.load('{name}', weights_only=True)); " + _EXPORT,
)
_LIGHTNING = ForeignFormat(
    "a PyTorch Lightning checkpoint: weights, without the model's computation",
    "in Python, with the model's class: model = YourModule.load_from_checkpoint('{name}'); " + _EXPORT,
)
_TORCH_SCRIPT = ForeignFormat(
    "a TorchScript model, which torch.export cannot read",
    "in Python, with the model's class and not torch.jit.load: " + _EXPORT,
)
_SAFETENSORS = ForeignFormat(
    "a safetensors file: weights, without the model's computation",
    "in Python, with the model's class: model.load_state_dict(safetensors.torch.load_file('{name}')); " + _EXPORT,
)
_ONNX_MODEL = ForeignFormat("an ONNX model", _EXPORT_FROM_PYTORCH)
_CORE_ML_MODEL = ForeignFormat("a Core ML model", _EXPORT_FROM_PYTORCH)
_GGUF = ForeignFormat("a GGUF file of a language model", _EXPORT_FROM_PYTORCH)
_SAVED_MODEL_FILE = ForeignFormat("the graph of a SavedModel", "pass the folder that contains it")
_FROZEN_GRAPH = ForeignFormat(
    "a frozen graph of TensorFlow 1, without names of its inputs and outputs",
    "in TensorFlow, with the model's code: tf.saved_model.save(model, 'folder'), and pass that folder",
)
_PICKLE = ForeignFormat(
    "a Python pickle, which runs code when it is opened",
    "in Python where it was made: save a Keras model as .keras, or " + _EXPORT,
)


def refuse_foreign(path: Path) -> None:
    """Reject a file of another tool with instructions for a convertible one; the file is not unpacked.

    Raises:
        ModelFileError: The file has such a format.
    """
    found = _recognized(path)
    if found is not None:
        raise ModelFileError(
            f"{path.name} is {found.what}.",
            expected="a Keras file (.h5, .keras), a SavedModel folder, or a PyTorch exported program (.pt2)",
            next_step=found.next_step.format(name=path.name, stem=path.stem),
        )


def _recognized(path: Path) -> ForeignFormat | None:
    try:
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
        size = path.stat().st_size
    except OSError:
        return None
    if start.startswith(b"PK\x03\x04"):
        return _recognized_archive(path)
    if start[:1] == b"\x80" and 2 <= start[1] <= 5:
        if start[2:].startswith(_OLD_TORCH_SAVE):
            return _LIGHTNING if path.suffix == ".ckpt" else _TORCH_SAVE
        return _PICKLE
    if start.startswith(b"GGUF"):
        return _GGUF
    if len(start) > 8 and start[8:9] == b"{" and 2 <= struct.unpack("<Q", start[:8])[0] <= size - 8:
        return _SAFETENSORS
    if _SAVED_MODEL.match(start) and path.suffix != ".mlmodel":
        return _SAVED_MODEL_FILE
    for pattern, known in ((_ONNX, _ONNX_MODEL), (_CORE_ML, _CORE_ML_MODEL)):
        if pattern.match(start):
            return known
    return _FROZEN_GRAPH if start[:1] == b"\x0a" and path.suffix == ".pb" else None


def _recognized_archive(path: Path) -> ForeignFormat | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2] for name in archive.namelist()[:1000]}
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return None
    if "data.pkl" not in names or "archive_format" in names:
        return None
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return _TORCH_SCRIPT
    return _LIGHTNING if path.suffix == ".ckpt" else _TORCH_SAVE
