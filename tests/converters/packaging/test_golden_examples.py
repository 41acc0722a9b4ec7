"""Golden examples: what is kept, how far a device may be off, and what a device makes of them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_converters.packaging.golden_examples import Golden, _tolerance, arithmetic_of, make_golden
from edgekit_converters.packaging.golden_inputs import as_pixels, coarsened, fitted, made_up_inputs
from edgekit_runtime.errors import InterpreterError, ModelFileError
from edgekit_runtime.inputs.preprocessing import Preprocessing
from edgekit_runtime.packed_file.golden import read_golden
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, Manifest
from edgekit_runtime.task import UNNAMED
from edgekit_runtime.tflite.tflite_model import TfliteModel

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
PREPROCESSING = {UNNAMED: Preprocessing(12, 12, 1)}
#: Two that no interpreter here runs, and two for which no golden example is made of made-up inputs.
LEFT_OUT = ("custom_operator", "flex_operator", "custom_detection_regular", "custom_mfcc")
RUNNABLE = [path for path in sorted(TFLITE.glob("*.tflite")) if path.stem not in LEFT_OUT]


def model_of(name: str) -> TfliteModel:
    return TfliteModel((TFLITE / f"{name}.tflite").read_bytes())


def cnn_golden(name: str, keras_off_by: float = 0.0) -> Golden:
    with np.load(TFLITE / "cnn.npz") as arrays:
        pixels, probabilities = arrays["pixels"][:4].reshape(4, 12, 12, 1), arrays["probabilities"][:4]
    model = model_of(name)
    output = edgekit_runtime.load(model).outputs[0].name
    keras = {output: probabilities + keras_off_by}
    golden = make_golden(model, [pixels], origin="here", preprocessing=PREPROCESSING, source_outputs=keras)
    assert golden is not None
    return golden


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: path.stem)
def test_made_up_inputs_go_through_every_model(path: Path) -> None:
    model = TfliteModel(path.read_bytes())
    golden = make_golden(model, made_up_inputs(model.description, {}, seed=0), origin="random")
    assert golden is not None
    report = edgekit_runtime.load(pack(model, Manifest(), golden.content), verify=True).verify()
    assert report.passed
    assert max(report.max_error) == 0
    assert report.examples >= 1


@pytest.mark.parametrize(
    ("row", "own_error", "kind", "expected"),
    [
        # 16 steps of 0.0025; a quarter of 0.015 would be less than two.
        ([0.015], 0.04, "values", 0.04),
        ([0.075, 0.01], 0.0094, "values", 0.04),
        # Four steps for probabilities, else 2 % of the largest value, else twice the model's own error.
        ([0.6, 0.4], 0.0, "classes", 0.012),
        ([0.9, 0.1], 0.0, "classes", 0.018),
        ([0.6, 0.4], 0.05, "classes", 0.1),
        # However bad the model: a quarter of the largest value.
        ([0.6, 0.4], 0.5, "classes", 0.15),
    ],
    ids=["steering", "two small values", "four steps", "share", "own error", "ceiling"],
)
def test_the_tolerance_of_an_int8_output(row: list[float], own_error: float, kind: str, expected: float) -> None:
    output = np.array([row], np.float32)
    tolerance = _tolerance(output, output + np.float32(own_error), "int8", step=0.0025, kind=kind)
    assert tolerance == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "arithmetic", "least", "most"),
    [
        # Shares of the largest probability, 0.174.
        pytest.param("cnn_float32", "float32", 1.74e-4, 1.75e-4, id="float32"),
        pytest.param("cnn_dynamic", "dynamic", 0.0139, 0.0140, id="dynamic"),
        # Four steps of 1/256.
        pytest.param("cnn_int8_io_int8", "int8", 0.0156, 0.02, id="int8"),
        pytest.param("cnn_int8_io_float32", "int8", 0.0156, 0.02, id="int8-float-ends"),
    ],
)
def test_the_tolerance_follows_from_the_arithmetic(name: str, arithmetic: str, least: float, most: float) -> None:
    assert arithmetic_of(model_of(name).description) == arithmetic
    golden = cnn_golden(name)
    assert golden.facts["arithmetic"] == arithmetic
    assert least <= golden.facts["tolerance"][0] <= most


def test_a_model_far_from_keras_is_given_more_room_and_never_all() -> None:
    near, far, absurd = (cnn_golden("cnn_float32", off).facts["tolerance"][0] for off in (0.0, 0.02, 5.0))
    assert near < 0.002
    assert far == pytest.approx(0.04, abs=1e-4)
    assert absurd <= 0.25


def test_an_interpreter_that_computes_otherwise_is_refused() -> None:
    golden = cnn_golden("cnn_int8_io_float32")
    with np.load(io.BytesIO(golden.content)) as arrays:
        changed = dict(arrays)
    changed["output_0"] = np.roll(changed["output_0"], 1, axis=-1)
    file = io.BytesIO()
    np.savez(file, **changed)
    packed = pack(model_of("cnn_int8_io_float32"), Manifest(preprocessing=PREPROCESSING), file.getvalue())
    report = edgekit_runtime.load(packed).verify()
    assert not report.passed
    assert not any(report.top1_equal)
    with pytest.raises(InterpreterError, match="golden examples"):
        edgekit_runtime.load(packed, verify=True)


def test_pixels_other_than_the_user_s_own_are_replayed_as_packed() -> None:
    """A range given to load() is for the caller's pictures, not for the golden ones."""
    golden = cnn_golden("cnn_float32")
    packed = pack(model_of("cnn_float32"), Manifest(preprocessing=PREPROCESSING), golden.content)
    assert edgekit_runtime.load(packed, pixel_range=(-1, 1), verify=True).verify().passed


def test_a_model_without_golden_examples_cannot_verify() -> None:
    with pytest.raises(ModelFileError, match="no golden examples"):
        edgekit_runtime.load(pack(model_of("cnn_float32"), Manifest()), verify=True)
    with pytest.raises(ModelFileError, match="no golden examples"):
        edgekit_runtime.load(model_of("cnn_float32"), verify=True)


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("input_0.npy", bytes(100_000_000))
    return file.getvalue()


def claims_too_much() -> bytes:
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("input_0.npy", header.ljust(127) + b"\n")
    return file.getvalue()


ROW = np.zeros((1, 10), np.float32)
BAD = {
    "no zip": b"golden",
    "a bomb": bomb(),
    "a size beyond all memory": claims_too_much(),
    "pickled objects": npz(input_0=np.array([{}], dtype=object), output_0=ROW, tolerance=np.ones(1)),
    "no tolerance": npz(input_0=np.zeros((1, 12, 12, 1), np.uint8), output_0=ROW),
    "two tolerances": npz(input_0=np.zeros((1, 12, 12, 1), np.uint8), output_0=ROW, tolerance=np.ones(2)),
    "no examples": npz(input_0=np.zeros((0, 12, 12, 1), np.uint8), output_0=ROW[:0], tolerance=np.ones(1)),
    "different counts": npz(input_0=np.zeros((2, 12, 12, 1), np.uint8), output_0=ROW, tolerance=np.ones(1)),
    "another input": npz(input_0=np.zeros((1, 9, 12, 1), np.uint8), output_0=ROW, tolerance=np.ones(1)),
    "another output": npz(input_0=np.zeros((1, 12, 12, 1), np.uint8), output_0=ROW[:, :9], tolerance=np.ones(1)),
    "two inputs": npz(**dict.fromkeys(("input_0", "input_1"), ROW), output_0=ROW, tolerance=np.ones(1)),
}


@pytest.mark.parametrize("content", BAD.values(), ids=list(BAD))
def test_damaged_golden_examples_are_a_sentence(content: bytes) -> None:
    packed = pack(model_of("cnn_float32"), Manifest(preprocessing=PREPROCESSING), content)
    with pytest.raises(ModelFileError, match="golden examples"):
        edgekit_runtime.load(packed, verify=True)


def test_not_a_number_never_passes() -> None:
    shape = (1, 12, 12, 1)
    content = npz(input_0=np.zeros(shape, np.uint8), output_0=ROW[:, np.newaxis] + np.nan, tolerance=np.ones(1))
    packed = pack(model_of("cnn_float32"), Manifest(preprocessing=PREPROCESSING), content)
    assert not edgekit_runtime.load(packed).verify().passed


@pytest.mark.parametrize(
    "preprocessing",
    [
        pytest.param(Preprocessing(5, 7, 3), id="0-to-1"),
        pytest.param(Preprocessing(5, 7, 1, scale=2 / 255, offset=-1.0), id="minus-1-to-1"),
        pytest.param(Preprocessing(5, 7, 3, 1.0, (-103.939, -116.779, -123.68), color_order="bgr"), id="caffe"),
        pytest.param(Preprocessing(5, 7, 3, (0.0171, 0.0175, 0.0174), (-2.1, -2.0, -1.8)), id="torch"),
        pytest.param(Preprocessing(5, 7, 1, scale=-1 / 255, offset=1.0), id="inverted"),
    ],
)
def test_pixels_are_found_again_to_the_last_bit(preprocessing: Preprocessing) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 7, preprocessing.channels), np.uint8)
    found = as_pixels(preprocessing.normalize(pixels), preprocessing)
    assert found is not None
    np.testing.assert_array_equal(found, pixels)
    assert as_pixels(preprocessing.normalize(pixels) + np.float32(1e-3), preprocessing) is None


def test_large_inputs_are_fewer_and_coarser() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), np.uint8)
    (kept,), coarser = fitted([photo], model_bytes=4_000_000)
    assert coarser > 1
    assert kept.shape[1:] == (224, 224, 3)
    golden = npz(input_0=kept)
    with zipfile.ZipFile(io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("golden.npz", golden)
        assert archive.getinfo("golden.npz").compress_size < 0.005 * 4_000_000
    np.testing.assert_array_equal(kept, coarsened(photo[: len(kept)], coarser))


def test_small_inputs_are_kept_as_they_are() -> None:
    rows = np.arange(40, dtype=np.float32).reshape(4, 10)
    (kept,), coarser = fitted([rows], model_bytes=10_000)
    assert coarser == 1
    np.testing.assert_array_equal(kept, rows)


def test_equal_arguments_give_equal_bytes() -> None:
    assert cnn_golden("cnn_dynamic").content == cnn_golden("cnn_dynamic").content


def test_golden_examples_are_kept_through_unpacking() -> None:
    golden = cnn_golden("cnn_float32")
    packed = pack(model_of("cnn_float32"), Manifest(), golden.content)
    assert unpack(TfliteModel(packed)).parts[GOLDEN_NAME] == golden.content
    read = read_golden(packed)
    assert read.inputs[0].dtype == np.uint8
    assert [len(read.outputs), len(read.keras), len(read.tolerance)] == [1, 1, 1]
    np.testing.assert_allclose(read.outputs[0], read.keras[0], atol=1e-5)
