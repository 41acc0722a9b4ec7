"""Model files of other tools get the line that makes a convertible one."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

from edgekit_converters.foreign_formats import refuse_foreign
from edgekit_converters.lowering import LoweringProcess, LoweringRequest
from edgekit_runtime.errors import ModelFileError, UsageError

PROGRAMS = Path(__file__).resolve().parents[1] / "data" / "exported_programs"
EXPORT = "torch.export.save(torch.export.export(model, (example_input,)), 'model.pt2')"
#: As torch.save of PyTorch 1.5 begins.
OLD_TORCH_SAVE = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
#: ir_version 8 and the producer's name.
ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:\x00"


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(f"m/{name}", b"")
    return path


def binary(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def safetensors(path: Path) -> Path:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return binary(path, struct.pack("<Q", len(header)) + header + bytes(4))


#: Suffixes that say nothing, so that the content has to.
@pytest.mark.parametrize(
    ("make", "what", "line"),
    [
        (lambda f: archive(f / "model.pth", "data.pkl", "version", "data/0"), "PyTorch checkpoint", EXPORT),
        (lambda f: archive(f / "model.bin", "data.pkl", "version"), "PyTorch checkpoint", "weights_only=True"),
        (lambda f: binary(f / "model.pt", OLD_TORCH_SAVE), "PyTorch checkpoint", EXPORT),
        (lambda f: archive(f / "model.ckpt", "data.pkl"), "Lightning", "load_from_checkpoint('model.ckpt')"),
        (lambda f: archive(f / "model.pt", "data.pkl", "code/__torch__.py", "constants.pkl"), "TorchScript", EXPORT),
        (lambda f: safetensors(f / "model.x"), "safetensors", "load_file('model.x')"),
        (lambda f: binary(f / "model.onnx", ONNX), "ONNX", EXPORT),
        (lambda f: binary(f / "model.h5", ONNX), "ONNX", EXPORT),
        (lambda f: binary(f / "model.onnx", b"\x08\x0a\x3a\x10"), "ONNX", EXPORT),
        (lambda f: binary(f / "model.mlmodel", b"\x08\x05\x12\x30\x0a\x10"), "Core ML", EXPORT),
        (lambda f: binary(f / "model.pkl", pickle.dumps([1])), "Python pickle", EXPORT),
        (lambda f: binary(f / "model.gguf", b"GGUF\x03"), "GGUF", EXPORT),
        (lambda f: binary(f / "saved_model.pb", b"\x08\x01\x12\x99\x01\x0a"), "SavedModel", "the folder"),
        (lambda f: binary(f / "frozen.pb", b"\x0a\x20\x0a\x05input"), "frozen graph", "tf.saved_model.save"),
    ],
)
def test_a_foreign_file_gets_the_line_that_exports_it(make, what: str, line: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(ModelFileError, match=what) as caught:
        refuse_foreign(path)
    assert line in caught.value.next_step
    # Before any process is started that would import TensorFlow or PyTorch.
    with pytest.raises(ModelFileError, match=what):
        LoweringProcess(LoweringRequest(path))


@pytest.mark.parametrize("path", [PROGRAMS / "cnn.pt2", PROGRAMS / "cnn.tflite", PROGRAMS, PROGRAMS / "missing.pt"])
def test_what_edgekit_reads_itself_is_let_through(path: Path) -> None:
    refuse_foreign(path)


def test_channels_last_is_for_programs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="channels-last is for PyTorch programs"):
        LoweringProcess(LoweringRequest(tmp_path / "model.keras", channels_last=True))
