"""Arguments and packed numbers that would crash the process, or silently yield wrong results, raise clear errors."""

from __future__ import annotations

import copy
import io
import json
import pickle
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.conversion import Decoder, Encoder
from edgekit_runtime.errors import EdgekitError, ModelFileError, TensorMismatchError, UsageError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.golden import read_golden
from edgekit_runtime.quantization import QuantizationParams, Quantizer


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("count", [10**6, 10**30, 0, -1, 1.5, True, "4", None], ids=repr)
def test_a_number_of_threads_that_no_machine_has_is_refused(count: Any, tflite_folder: Path) -> None:
    with pytest.raises(UsageError, match="num_threads must be at least 1"):
        edgekit_runtime.load(tflite_folder / "dense_float32.tflite", num_threads=count)
    if count is not None:
        with pytest.raises(UsageError, match="num_interpreters must be at least 1"):
            edgekit_runtime.load(tflite_folder / "dense_float32.tflite", num_interpreters=count)


def test_as_many_threads_as_a_large_machine_has_are_fine(tflite_folder: Path) -> None:
    for count in (2, 64):
        model = edgekit_runtime.load(tflite_folder / "dense_float32.tflite", num_threads=count)
        assert np.isfinite(model.predict(np.zeros((1, 4), np.float32))).all()


def test_a_model_is_loaded_from_any_kind_of_bytes(tflite_folder: Path) -> None:
    content = (tflite_folder / "dense_float32.tflite").read_bytes()
    expected = edgekit_runtime.load(content).predict(np.ones((1, 4), np.float32))
    changed = bytearray(content)
    for form in (changed, memoryview(content), memoryview(content + content)[: len(content)]):
        model = edgekit_runtime.load(form)
        np.testing.assert_array_equal(model.predict(np.ones((1, 4), np.float32)), expected)
    # Changing the buffer afterwards does not affect the model.
    model = edgekit_runtime.load(changed)
    changed[:] = bytes(len(changed))
    np.testing.assert_array_equal(model.predict(np.ones((1, 4), np.float32)), expected)


@pytest.mark.parametrize("path", [None, 5, 1.5, [], io.BytesIO()], ids=lambda path: type(path).__name__)
def test_what_is_neither_a_path_nor_bytes_is_a_sentence(path: Any) -> None:
    with pytest.raises(ModelFileError, match="not a model"):
        edgekit_runtime.load(path)


@pytest.mark.parametrize("path", ["a\0b", "\ud800"], ids=["zero byte", "surrogate"])
def test_paths_that_no_system_takes_are_sentences(path: str, tflite_folder: Path) -> None:
    sound = tflite_folder / "dense_float32.tflite"
    for ask in (
        lambda: edgekit_runtime.load(path),
        lambda: edgekit_runtime.load(sound, labels=path),
        lambda: edgekit_runtime.load(sound, public_key=path),
    ):
        with pytest.raises(EdgekitError) as error:
            ask()
        str(error.value).encode()


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy], ids=lambda take: take.__name__)
def test_a_model_says_that_it_cannot_be_pickled(take: Any, tflite_folder: Path) -> None:
    model = edgekit_runtime.load(tflite_folder / "dense_float32.tflite")
    with pytest.raises(UsageError, match="cannot be pickled or copied") as error:
        take(model)
    assert "load()" in error.value.next_step
    # Errors can be passed between processes with all their parts.
    assert pickle.loads(pickle.dumps(error.value)).to_dict() == error.value.to_dict()


@pytest.mark.parametrize("name", ["cnn_float32", "cnn_int8_io_int8", "cnn_int8_io_float32"])
@pytest.mark.parametrize("value", [1e300, -1e300])
def test_a_float64_that_float32_cannot_hold_is_refused(name: str, value: float, tflite_folder: Path) -> None:
    model = edgekit_runtime.load(tflite_folder / f"{name}.tflite")
    batch = np.zeros((1, 12, 12, 1))
    assert np.isfinite(model.predict(batch)).all()
    batch[0, 3, 3, 0] = value
    with pytest.raises(TensorMismatchError, match="too large for float32"):
        model.predict(batch)


@pytest.mark.parametrize(
    ("scale", "offset"), [(1e308, 0.0), (1e300, 0.0), (1e37, 0.0), (1.0, 1e39), (-1e308, 1e308), (10**400, 0.0)]
)
def test_a_packed_scale_of_pixels_that_overflows_is_refused(scale: float, offset: float) -> None:
    fields = {"height": 2, "width": 2, "channels": 1, "scale": scale, "offset": offset}
    with pytest.raises(UsageError):
        Preprocessing.from_dict(fields)
    assert Preprocessing.from_dict({**fields, "scale": 1e30, "offset": 0.0}).value_range[1] < np.inf


def packed(model: bytes, **parts: bytes) -> bytes:
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("_", ".", 1), content)
    return file.getvalue()


@pytest.mark.parametrize("version", [-1, 0, True, 1.0, None, "1"], ids=repr)
def test_a_schema_version_below_the_first_is_damage(version: Any, tflite_folder: Path) -> None:
    manifest = json.dumps({"schema_version": version}).encode()
    with pytest.raises(ModelFileError, match="damaged"):
        edgekit_runtime.load(packed((tflite_folder / "dense_float32.tflite").read_bytes(), edgekit_json=manifest))


@pytest.mark.parametrize(
    "tolerance",
    [np.array([1j]), np.array([np.nan]), np.array([np.inf]), np.array(1.0), np.array(["1"]), np.array([[1.0]])],
    ids=["complex", "NaN", "infinite", "scalar", "text", "two axes"],
)
def test_a_tolerance_that_is_not_a_number_is_damage(tolerance: np.ndarray, tflite_folder: Path) -> None:
    def golden(tolerance: np.ndarray) -> bytes:
        file = io.BytesIO()
        np.savez(file, input_0=np.ones((1, 4)), output_0=np.ones((1, 2)), tolerance=tolerance)
        return packed((tflite_folder / "dense_float32.tflite").read_bytes(), golden_npz=file.getvalue())

    assert read_golden(golden(np.array([1.0]))).tolerance == (1.0,)
    with pytest.raises(ModelFileError, match="damaged"):
        read_golden(golden(tolerance))


def test_a_tensor_s_scale_that_overflows_or_vanishes_is_refused(tflite_folder: Path) -> None:
    content = (tflite_folder / "cnn_int8_io_int8.tflite").read_bytes()
    (scale,) = edgekit_runtime.read_model_description(content).outputs[0].scales
    before = struct.pack("<f", scale)
    for hostile in (3e38, 1e36):
        with pytest.raises(ModelFileError, match="infinite values"):
            edgekit_runtime.load(content.replace(before, struct.pack("<f", hostile)))
    with pytest.raises(TensorMismatchError, match="too small"):
        Quantizer(QuantizationParams(1e-44, 0), np.int8, (3,))


def test_infinity_of_the_caller_s_own_stays_infinity() -> None:
    info = edgekit_runtime.load(Path(__file__).parent.parent / "data" / "tflite" / "dense_float32.tflite").inputs[0]
    assert np.isinf(Encoder(info)(np.full((1, 4), -np.inf))).all()
    assert Decoder(info)(np.ones(2)).tolist() == [1, 1]


def test_the_command_line_bounds_its_threads(tflite_folder: Path) -> None:
    command = [sys.executable, "-m", "edgekit_runtime", "predict", str(tflite_folder / "dense_float32.tflite"), "x.npy"]
    for threads in ("1000000", "9" * 5000):
        done = subprocess.run([*command, "--threads", threads], capture_output=True, text=True)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_line_of_json_that_float32_cannot_hold_is_refused(tflite_folder: Path) -> None:
    command = [sys.executable, "-m", "edgekit_runtime", "predict", str(tflite_folder / "dense_float32.tflite"), "-"]
    lines = "[1e300, 0, 0, 0]\n[1, 0.1, 0, 0]\n[" + "9" * 5000 + ", 0, 0, 0]\n"
    done = subprocess.run(command, capture_output=True, text=True, input=lines)
    first, second, third = map(json.loads, done.stdout.splitlines())
    assert "too large for float32" in first["problem"]
    assert len(second["outputs"]["output_0"][0]) == 2
    assert third["error"] == "DataError"
    assert "RuntimeWarning" not in done.stderr


def test_a_limit_of_pixels_that_is_not_a_count_is_refused(tflite_folder: Path) -> None:
    for limit in (0, -1, 10**12, "1", None, 1e6):
        with pytest.raises(UsageError, match="max_image_pixels"):
            edgekit_runtime.load(tflite_folder / "dense_float32.tflite", max_image_pixels=limit)  # type: ignore[arg-type]
