from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import (
    DataError,
    EdgekitError,
    InterpreterError,
    ModelFileError,
    TensorMismatchError,
    UsageError,
)
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.model import Model

Arrays = dict[str, np.ndarray]
FLOAT_MODELS = ["cnn_float32", "cnn_float32_batch1", "cnn_float32_batch4", "cnn_dynamic"]
INT8_MODELS = ["cnn_int8_io_float32", "cnn_int8_io_int8", "cnn_int8_io_uint8"]


def load(folder: Path, name: str, **options: Any) -> Model:
    try:
        return edgekit_runtime.load(folder / f"{name}.tflite", **options)
    except InterpreterError as error:
        if name == "many_operators_int8" and "crashes in" in error.problem:
            pytest.skip("tflite-runtime on ARM crashes in this model, and the runtime refuses it")
        if name != "cnn_dynamic":
            raise
        pytest.skip("tflite-runtime refuses this dynamic-range model")


def answers(folder: Path, name: str) -> Arrays:
    with np.load(folder / f"{name}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.mark.parametrize("name", FLOAT_MODELS + INT8_MODELS)
def test_predicts_what_keras_predicted(name: str, tflite_folder: Path, cnn: Arrays) -> None:
    predicted = load(tflite_folder, name).predict(cnn["image"])
    assert isinstance(predicted, np.ndarray)
    assert predicted.dtype == np.float32
    assert predicted.shape == (40, 10)
    # One step of the int8 output is 1/256; dynamic range quantizes only the weights.
    tolerance = 1e-6 if "float32" in name and "int8" not in name else 1 / 256
    assert np.abs(predicted - cnn["probabilities"]).max() <= tolerance


@pytest.mark.parametrize("name", FLOAT_MODELS + INT8_MODELS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 31, 33, 200, 1000])
def test_any_batch_size_gives_the_answers_of_single_samples(
    name: str, count: int, tflite_folder: Path, cnn: Arrays
) -> None:
    model = load(tflite_folder, name, num_interpreters=3)
    images = np.resize(cnn["image"], (count, 12, 12, 1))
    alone = np.concatenate([np.asarray(model.predict(image[np.newaxis])) for image in images[:40]])
    together = np.asarray(model.predict(images))
    assert together.shape == (count, 10)
    # tflite-runtime's float kernels sum in a different order for a batch of one.
    tolerance = 0 if "int8" in name else 1e-6
    assert np.abs(together - np.resize(alone, together.shape)).max() <= tolerance


def test_empty_batch(tflite_folder: Path) -> None:
    predicted = load(tflite_folder, "cnn_int8_io_int8").predict(np.empty((0, 12, 12, 1), np.float32))
    assert isinstance(predicted, np.ndarray)
    assert predicted.shape == (0, 10)
    assert predicted.dtype == np.float32


@pytest.mark.parametrize("name", FLOAT_MODELS + INT8_MODELS)
def test_a_sample_without_the_batch_axis(name: str, tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, name)
    assert np.array_equal(np.asarray(model.predict(cnn["image"][0])), np.asarray(model.predict(cnn["image"][:1])))


def test_lists_and_other_floats(tflite_folder: Path) -> None:
    model = load(tflite_folder, "dense_float32")
    arrays = answers(tflite_folder, "dense_float32")
    for batch in (arrays["x"].tolist(), arrays["x"].astype(np.float64), arrays["x"].astype(">f4"), arrays["x"][::1]):
        assert np.asarray(model.predict(batch)) == pytest.approx(arrays["y"], abs=1e-6)
    strided = np.repeat(arrays["x"], 2, axis=1)[:, ::2]
    assert np.asarray(model.predict(strided)) == pytest.approx(arrays["y"], abs=1e-6)
    assert np.asarray(model.predict(strided[:1])) == pytest.approx(arrays["y"][:1], abs=1e-6)


def test_integer_codes_are_taken_as_they_are(tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_int8_io_int8")
    # Scale 1/255 and zero point -128: code = pixel - 128.
    codes = (cnn["pixels"].astype(np.int16) - 128).astype(np.int8)
    assert np.array_equal(np.asarray(model.predict(codes)), np.asarray(model.predict(cnn["image"])))
    uint8_model = load(tflite_folder, "cnn_int8_io_uint8")
    assert np.array_equal(np.asarray(uint8_model.predict(cnn["pixels"])), np.asarray(model.predict(codes)))


@pytest.mark.parametrize("name", ["lstm_batch1", "fused_lstm_batch1"])
def test_a_sequence_model_starts_each_sample_anew(name: str, tflite_folder: Path) -> None:
    model = load(tflite_folder, name)
    arrays = answers(tflite_folder, name)
    for _ in range(2):
        # 32-bit ARM rounds differently: 2.4e-6.
        assert np.asarray(model.predict(arrays["x"])) == pytest.approx(arrays["y"], abs=1e-5)
        assert np.asarray(model.predict(arrays["x"][:1])) == pytest.approx(arrays["y"][:1], abs=1e-5)


def test_a_sequence_model_in_16_bits_with_a_scale_of_0(tflite_folder: Path, reads_tiny_scales: bool) -> None:
    if not reads_tiny_scales:
        pytest.skip("this processor takes the scale of a state, 3.6e-43, for 0, and the runtime refuses the model")
    expected = answers(tflite_folder, "lstm_int16")
    try:
        model = edgekit_runtime.load(tflite_folder / "lstm_int16.tflite")
    except InterpreterError as error:
        pytest.skip(f"an interpreter without this operator's version or with sums that abort: {error.received}")
    assert np.abs(model.predict(expected["x"]) - expected["y"]).max() < 2e-3


def test_state_goes_over_only_when_asked(tflite_folder: Path) -> None:
    arrays = answers(tflite_folder, "fused_lstm_batch1")
    model = load(tflite_folder, "fused_lstm_batch1", stateful=True)
    first = np.asarray(model.predict(arrays["x"][:1]))
    second = np.asarray(model.predict(arrays["x"][:1]))
    assert first == pytest.approx(arrays["y"][:1], abs=1e-5)
    assert np.abs(second - first).max() > 1e-3
    model.reset()
    assert np.array_equal(np.asarray(model.predict(arrays["x"][:1])), first)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8], ids=str)
def test_integer_inputs(dtype: type, tflite_folder: Path) -> None:
    model = load(tflite_folder, "embedding_int32")
    arrays = answers(tflite_folder, "embedding_int32")
    assert np.asarray(model.predict(arrays["x"].astype(dtype))) == pytest.approx(arrays["y"], abs=1e-6)


def test_several_inputs_and_outputs_by_name(tflite_folder: Path) -> None:
    model = load(tflite_folder, "two_in_two_out")
    arrays = answers(tflite_folder, "two_in_two_out")
    assert [info.name for info in model.inputs] == ["left", "right"]
    for count in (1, 10):
        predicted = model.predict({"right": arrays["right"][:count], "left": arrays["left"][:count]})
        assert isinstance(predicted, dict)
        assert set(predicted) == {"hidden", "total"}
        assert predicted["hidden"] == pytest.approx(arrays["hidden"][:count], abs=1e-6)
        assert predicted["total"] == pytest.approx(arrays["total"][:count], abs=1e-6)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_predict_named_gives_a_dict_for_one_output(count: int, tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_int8_io_int8")
    images = cnn["image"][:count]
    named = model.predict_named(images)
    assert list(named) == [model.outputs[0].name]
    (output,) = named.values()
    assert output.dtype == np.float32
    assert np.array_equal(output, np.asarray(model.predict(images)))
    (by_name,) = model.predict_named({model.inputs[0].name: images}).values()
    assert np.array_equal(by_name, output)


def test_predict_named_gives_several_outputs_as_predict_does(tflite_folder: Path) -> None:
    model = load(tflite_folder, "two_in_two_out")
    arrays = answers(tflite_folder, "two_in_two_out")
    inputs = {name: arrays[name] for name in ("left", "right")}
    named, predicted = model.predict_named(inputs), model.predict(inputs)
    assert isinstance(predicted, dict)
    assert list(named) == [info.name for info in model.outputs]
    assert all(np.array_equal(named[name], predicted[name]) for name in predicted)


def test_predict_named_refuses_an_input_name_that_the_model_does_not_have(tflite_folder: Path, cnn: Arrays) -> None:
    with pytest.raises(TensorMismatchError, match="The inputs do not match the model"):
        load(tflite_folder, "cnn_float32").predict_named({"other": cnn["image"]})


def test_tensors_are_described(tflite_folder: Path) -> None:
    model = load(tflite_folder, "cnn_int8_io_int8")
    (image,) = model.inputs
    assert (image.name, image.shape, image.dtype) == ("image", (-1, 12, 12, 1), np.int8)
    assert image.scale == pytest.approx(1 / 255)
    assert image.zero_point == -128
    (scores,) = model.outputs
    assert (scores.shape, scores.scale, scores.zero_point) == ((-1, 10), 1 / 256, -128)
    assert image.to_dict()["dtype"] == "int8"
    floating = load(tflite_folder, "cnn_float32").inputs[0]
    assert (floating.scale, floating.zero_point, floating.quantization) == (0.0, 0, None)


@pytest.mark.parametrize(
    ("name", "batch", "message"),
    [
        pytest.param("cnn_float32", np.zeros((12, 12), np.float32), r"\(N, 12, 12, 1\)", id="no-channel-axis"),
        pytest.param("cnn_float32", np.zeros((1, 13, 12, 1), np.float32), r"\(1, 13, 12, 1\)", id="height"),
        pytest.param("cnn_float32", np.zeros((1, 12, 12, 1), np.uint8), "classify", id="pixels-to-a-float-model"),
        pytest.param("cnn_float32", np.zeros((1, 12, 12, 1), np.int32), "int32", id="int32-to-a-float-model"),
        pytest.param("cnn_float32", np.zeros((1, 12, 12, 1), bool), "bool", id="bool-to-a-float-model"),
        pytest.param("cnn_float32", np.zeros((2, 12, 12, 1), np.uint8), "classify", id="batch-of-pixels"),
        pytest.param("cnn_int8_io_int8", np.zeros((1, 12, 12, 1), np.uint8), "classify", id="pixels-to-int8"),
        pytest.param("cnn_int8_io_uint8", np.zeros((1, 12, 12, 1), np.int8), "int8", id="int8-to-uint8"),
        pytest.param("cnn_float32", np.full((1, 12, 12, 1), np.nan, np.float32), "NaN", id="nan-float"),
        pytest.param("cnn_int8_io_int8", np.full((1, 12, 12, 1), np.nan, np.float32), "NaN", id="nan-int8"),
        pytest.param("cnn_float32", np.full((300, 12, 12, 1), np.nan, np.float32), "NaN", id="nan-in-a-large-batch"),
        pytest.param("embedding_int32", np.zeros((1, 5), np.float32), "float32", id="floats-to-an-embedding"),
        pytest.param("embedding_int32", np.full((1, 5), 2**40), "are out of range", id="integers-too-large"),
        pytest.param("dense_float32", [[1.0, 2.0], [3.0]], "different lengths|shape", id="ragged-list"),
        pytest.param("dense_float32", "text", "shape", id="text"),
        pytest.param("dense_float32", None, "shape", id="none"),
        pytest.param("dense_float32", {"y": np.zeros((1, 4))}, "do not match", id="unknown-name"),
        pytest.param("two_in_two_out", np.zeros((1, 3), np.float32), "2 inputs", id="array-for-two-inputs"),
        pytest.param("two_in_two_out", {"left": np.zeros((1, 3), np.float32)}, "do not match", id="name-left-out"),
        pytest.param(
            "two_in_two_out",
            {"left": np.zeros((1, 3), np.float32), "right": np.zeros((2, 2), np.float32)},
            "different sizes",
            id="batches-of-different-sizes",
        ),
    ],
)
def test_what_does_not_fit_is_refused(name: str, batch: Any, message: str, tflite_folder: Path) -> None:
    with pytest.raises(TensorMismatchError, match=message):
        load(tflite_folder, name).predict(batch)


def test_one_nan_among_many_values_is_found(tflite_folder: Path, cnn: Arrays) -> None:
    image = cnn["image"][:1].copy()
    image[0, 5, 7, 0] = np.nan
    for name in ("cnn_float32", "cnn_int8_io_int8"):
        with pytest.raises(TensorMismatchError, match="NaN"):
            load(tflite_folder, name).predict(image)


def test_infinity_saturates_in_a_quantized_model(tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_int8_io_int8")
    image = cnn["image"][:1].copy()
    image[0, 0, 0, 0] = np.inf
    white = image.copy()
    white[0, 0, 0, 0] = 1.0
    assert np.array_equal(np.asarray(model.predict(image)), np.asarray(model.predict(white)))


def test_outputs_are_copies(tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_float32")
    first = np.asarray(model.predict(cnn["image"][:1]))
    kept = first.copy()
    model.predict(cnn["image"][1:2])
    assert np.array_equal(first, kept)
    first[:] = 0
    assert np.array_equal(np.asarray(model.predict(cnn["image"][:1])), kept)


def test_the_callers_array_is_left_alone(tflite_folder: Path, cnn: Arrays) -> None:
    image = cnn["image"][:1].copy()
    load(tflite_folder, "cnn_int8_io_int8").predict(image)
    assert np.array_equal(image, cnn["image"][:1])


@pytest.mark.parametrize("name", ["cnn_float32", "cnn_int8_io_int8", "fused_lstm_batch1"])
def test_eight_threads_get_the_answers_of_one(name: str, tflite_folder: Path) -> None:
    model = load(tflite_folder, name)
    arrays = answers(tflite_folder, "cnn" if name.startswith("cnn") else name)
    samples = arrays["image" if name.startswith("cnn") else "x"]
    expected = np.asarray(model.predict(samples))
    alone = [np.asarray(model.predict(sample[np.newaxis])) for sample in samples]
    wrong: list[int] = []

    def ask(thread: int) -> None:
        for turn in range(30):
            place = (thread * 7 + turn) % len(samples)
            if not np.array_equal(np.asarray(model.predict(samples[place : place + 1])), alone[place]):
                wrong.append(place)
            if turn % 10 == 0 and not np.array_equal(np.asarray(model.predict(samples)), expected):
                wrong.append(-1)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", FLOAT_MODELS + INT8_MODELS)
def test_classifies_pixels_as_predict_does_the_scaled_image(name: str, tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, name)
    predicted = np.asarray(model.predict(cnn["image"]))
    for images in (cnn["pixels"], cnn["pixels"][..., 0], list(cnn["pixels"]), cnn["image"]):
        classified = model.classify(images, top_k=10)
        assert [answer.index for answer in classified] == predicted.argmax(axis=1).tolist()
        assert [answer.score for answer in classified] == predicted.max(axis=1).tolist()
        assert [entry.score for entry in classified[0].top] == sorted(predicted[0].tolist(), reverse=True)


@pytest.mark.parametrize("shape", [(12, 12), (12, 12, 1), (1, 12, 12, 1)], ids=str)
def test_classify_takes_one_image(shape: tuple[int, ...], tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_int8_io_int8")
    (answer,) = model.classify(cnn["pixels"][3].reshape(shape), top_k=3)
    assert answer == model.classify(cnn["pixels"], top_k=3)[3]
    assert answer.label == str(answer.index)
    assert len(answer.top) == 3
    assert answer.to_dict()["top"][0] == {"label": answer.label, "score": answer.score}


def test_classify_resizes_and_turns_grey(tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_float32")
    large = np.repeat(np.repeat(cnn["pixels"][0], 3, axis=0), 3, axis=1)
    colour = np.repeat(large, 3, axis=2)
    assert model.preprocessing is not None
    prepared = model.preprocessing(colour)
    assert prepared.shape == (1, 12, 12, 1)
    assert model.classify(colour)[0].score == np.asarray(model.predict(prepared)).max()


def test_pixel_range(tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "cnn_float32", pixel_range=(-1.0, 1.0))
    scaled = cnn["image"] * 2 - 1
    expected = np.asarray(model.predict(scaled)).max(axis=1)
    assert [answer.score for answer in model.classify(cnn["pixels"])] == pytest.approx(expected.tolist(), abs=1e-5)


def test_labels(tflite_folder: Path, cnn: Arrays, tmp_path: Path) -> None:
    names = [f"class {letter}" for letter in "abcdefghij"]
    (tmp_path / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    for labels in (names, tmp_path / "labels.txt", str(tmp_path / "labels.txt")):
        model = load(tflite_folder, "cnn_float32", labels=labels)
        answer = model.classify(cnn["pixels"][0])[0]
        assert answer.label == names[answer.index]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"labels": ["a", "b"]}, UsageError, id="too-few-labels"),
        pytest.param({"labels": "no-such-file.txt"}, DataError, id="missing-labels-file"),
        pytest.param({"num_threads": 0}, UsageError, id="no-threads"),
        pytest.param({"num_interpreters": 0}, UsageError, id="no-interpreters"),
        pytest.param({"interpreter": "onnx"}, UsageError, id="unknown-interpreter"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[EdgekitError], tflite_folder: Path) -> None:
    with pytest.raises(error):
        load(tflite_folder, "cnn_float32", **options)


def test_classify_needs_an_image_model(tflite_folder: Path, cnn: Arrays) -> None:
    model = load(tflite_folder, "dense_float32")
    assert model.preprocessing is None
    with pytest.raises(TensorMismatchError, match="one image into one row of class scores"):
        model.classify(cnn["pixels"])
    with pytest.raises(UsageError, match="top_k"):
        load(tflite_folder, "cnn_float32").classify(cnn["pixels"], top_k=0)


def test_labels_and_range_packed_into_the_file_are_used(tflite_folder: Path, cnn: Arrays, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes((tflite_folder / "cnn_float32.tflite").read_bytes())
    with zipfile.ZipFile(path, "a") as parts:
        parts.writestr("labels.txt", "\n".join("abcdefghij"))
        preprocessing = edgekit_runtime.Preprocessing(12, 12, 1, scale=2 / 255, offset=-1.0)
        parts.writestr("edgekit.json", json.dumps({"schema_version": 1, "preprocessing": preprocessing.to_dict()}))
    model = edgekit_runtime.load(path)
    assert model.labels == tuple("abcdefghij")
    assert model.preprocessing == preprocessing
    assert model.manifest.labels == model.labels
    assert np.asarray(model.predict(cnn["image"])) == pytest.approx(cnn["probabilities"], abs=1e-6)
    assert edgekit_runtime.load(path, labels=list("klmnopqrst")).labels[0] == "k"
    assert edgekit_runtime.load(tflite_folder / "cnn_float32.tflite").manifest.labels == ()


def test_a_model_given_as_bytes(tflite_folder: Path) -> None:
    arrays = answers(tflite_folder, "dense_float32")
    model = edgekit_runtime.load((tflite_folder / "dense_float32.tflite").read_bytes())
    assert np.asarray(model.predict(arrays["x"])) == pytest.approx(arrays["y"], abs=1e-6)
    with pytest.raises(ModelFileError):
        edgekit_runtime.load(b"")


def test_weights_behind_the_flatbuffer(tflite_folder: Path) -> None:
    arrays = answers(tflite_folder, "dense_float32")
    path = tflite_folder / "dense_buffer_offset.tflite"
    if choose_interpreter().name == "tflite-c":
        with pytest.raises(InterpreterError, match="behind the FlatBuffer"):
            edgekit_runtime.load(path)
        return
    assert np.asarray(edgekit_runtime.load(path).predict(arrays["x"])) == pytest.approx(arrays["y"], abs=1e-6)


@pytest.mark.parametrize(("name", "tolerance"), [("many_operators", 1e-6), ("many_operators_int8", 0.01)])
def test_many_kinds_of_operators(name: str, tolerance: float, tflite_folder: Path) -> None:
    arrays = answers(tflite_folder, "many_operators")
    predicted = np.asarray(load(tflite_folder, name).predict(arrays["x"]))
    assert np.abs(predicted - arrays["y"]).max() < tolerance


@pytest.mark.parametrize("name", FLOAT_MODELS + INT8_MODELS)
def test_a_single_image_after_a_batch_is_answered_as_before(name: str, tflite_folder: Path, cnn: Arrays) -> None:
    # Only one interpreter, which the batch resizes if the model's batch size is open.
    model = load(tflite_folder, name, num_interpreters=1)
    before = model.predict(cnn["image"][:1])
    model.predict(cnn["image"])
    model.predict(cnn["image"][:7])
    np.testing.assert_array_equal(model.predict(cnn["image"][:1]), before)
    np.testing.assert_allclose(model.predict(cnn["image"])[:1], before, atol=1 / 256)


def test_a_closed_model_says_so(tflite_folder: Path, cnn: Arrays) -> None:
    with edgekit_runtime.load(tflite_folder / "cnn_int8_io_int8.tflite", num_interpreters=2) as model:
        model.predict(cnn["image"])
    single = edgekit_runtime.load(tflite_folder / "cnn_float32_batch1.tflite")
    single.close()
    single.close()
    for closed in (model, single):
        for ask in (
            lambda closed=closed: closed.predict(cnn["image"][:1]),
            lambda closed=closed: closed.predict(cnn["image"]),
            lambda closed=closed: closed.classify(cnn["pixels"][0]),
            lambda closed=closed: list(closed.stream(cnn["pixels"][:2], top_k=1)),
            closed.reset,
        ):
            with pytest.raises(UsageError, match="The model is closed"):
                ask()


LOADS = Path(__file__).resolve().parents[2] / "benchmarks" / "runtime_loads.py"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux reports a process's memory so")
def test_loading_again_and_again_leaves_nothing_behind(tflite_folder: Path) -> None:
    """Loads models 1,500 times; ``benchmarks/runtime_loads.py`` does so ten thousand times."""
    command = [sys.executable, str(LOADS), str(tflite_folder / "cnn_int8_io_int8.tflite"), "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loads, megabytes, files = re.findall(r"-?[0-9.]+", done.stdout)
    assert loads == "1000"
    assert float(megabytes) <= 2
    assert files == "0"
