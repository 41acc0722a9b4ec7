from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.tflite.structure import read_model_description

NAMES = ("detection", "detection_regular", "mfcc", "numeric_verify", "spectrogram")


def content_of(folder: Path, name: str) -> bytes:
    return (folder / f"custom_{name}.tflite").read_bytes()


def refuses(content: bytes) -> str:
    """Require that the structure check refuses a model, and return the message."""
    with pytest.raises(ModelFileError) as caught:
        read_model_description(content)
    return str(caught.value)


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    assert content.count(old) >= 1
    return content.replace(old, new)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_answers(name: str, tflite_folder: Path) -> None:
    model = edgekit_runtime.load(content_of(tflite_folder, name))
    dice = np.random.default_rng(0)
    inputs: dict[str, Any] = {
        info.name: dice.random(info.shape).astype(np.float32)
        if info.dtype.kind == "f"
        else dice.integers(-5, 5, info.shape).astype(info.dtype)
        for info in model.inputs
    }
    answer = model.predict(inputs)
    answers = answer if isinstance(answer, dict) else {model.outputs[0].name: answer}
    assert len(answers) == len(model.outputs)
    assert all(np.isfinite(values).all() for values in answers.values())
    if name == "numeric_verify":
        # Codes have the scale 1/16 and the zero point 3.
        expected = (inputs["codes"] - 3.0) / 16 - inputs["reference"]
        assert np.allclose(answers["difference"], expected, atol=1e-6)
    if name == "detection":
        assert answers["count"].tolist() == [5.0]
        assert answers["places"].shape == (1, 5, 4)
    if name == "spectrogram":
        assert answers["spectrogram"].shape == (1, 7, 9)


def test_an_option_out_of_range_is_refused(tflite_folder: Path) -> None:
    detection = content_of(tflite_folder, "detection")
    assert "y_scale = " in refuses(detection.replace(struct.pack("<d", 10.0), struct.pack("<d", 0.0)))
    assert "lacks its option num_classes" in refuses(replaced(detection, b"num_classes", b"num_classez"))
    assert "lacks its option stride" in refuses(
        replaced(content_of(tflite_folder, "spectrogram"), b"stride", b"strike")
    )
    mfcc = content_of(tflite_folder, "mfcc")
    # Below the lower limit.
    changed = refuses(replaced(mfcc, struct.pack("<f", 4000.0), struct.pack("<f", 10.0)))
    assert "'upper_frequency_limit': 10.0" in changed


def test_names_out_of_order_are_refused(tflite_folder: Path) -> None:
    content = replaced(content_of(tflite_folder, "detection"), b"detections_per_class", b"zetections_per_class")
    assert "not sorted" in refuses(content)


def test_options_that_are_cut_off_are_refused(tflite_folder: Path) -> None:
    content = content_of(tflite_folder, "spectrogram")
    end = content.index(b"window_size")
    # The length of the options, which is stored before them, is set to a smaller value.
    place = next(p for p in range(end - 4, 0, -1) if struct.unpack_from("<I", content, p)[0] == flex_size(content, p))
    size = struct.unpack_from("<I", content, place)[0]
    assert refuses(content[:place] + struct.pack("<I", size - 2) + content[place + 4 :])


def flex_size(content: bytes, place: int) -> int:
    """The stored length if the options at ``place`` end with the type of a map and a root of one byte, else -1."""
    size = struct.unpack_from("<I", content, place)[0]
    end = place + 4 + size
    is_map = 16 < size < 400 and end <= len(content) and content[end - 1] == 1 and content[end - 2] >> 2 == 9
    return size if is_map else -1


def test_other_custom_operators_are_named(tflite_folder: Path) -> None:
    with pytest.raises(ModelFileError, match="custom operator Cholesky") as caught:
        edgekit_runtime.load(tflite_folder / "custom_operator.tflite")
    assert "TFLite_Detection_PostProcess" in caught.value.expected
