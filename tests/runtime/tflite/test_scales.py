from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from edgekit_runtime.errors import InterpreterError, ModelFileError
from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SubgraphDescription,
    TensorDescription,
)
from edgekit_runtime.tflite.scales import check_scales, dense_crashes, refuse_scales_beyond, refuse_scales_beyond_litert
from edgekit_runtime.tflite.structure import read_model_description

ADD = OperatorDescription("ADD", 1, "", (0, 1), (2,))


def tensors(*scales: float, dtype: str = "int8") -> list[TensorDescription]:
    """Two inputs and an output; a scale of 0 means that the tensor does not have a scale."""
    return [
        TensorDescription(i, "", (1,), (1,), dtype, (s,) if s else (), (0,) if s else (), 0, 0, False, False)
        for i, s in enumerate(scales)
    ]


@pytest.mark.parametrize(
    ("scales", "dtype"),
    [((0.1, 0.2, 0.3), "int8"), ((0.0, 0.0, 0.0), "int32"), ((1.0, 1.0, 2.0**-18), "uint8"), ((0, 0, 0), "int8")],
    ids=["quantized", "plain-integers", "far-apart", "integers-without-any-scale"],
)
def test_sound(scales: tuple[float, ...], dtype: str) -> None:
    check_scales("operator 0", ADD, tensors(*scales, dtype=dtype))


@pytest.mark.parametrize(
    ("scales", "message"),
    [((0.1, 0.2, 0.0), "without a scale"), ((0.0, 0.2, 0.1), "without a scale"), ((1.0, 0.1, 1e-30), "1e.30 apart")],
    ids=["output", "input", "too-far-apart"],
)
def test_unsound(scales: tuple[float, ...], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        check_scales("operator 0", ADD, tensors(*scales))


def zero_scaled(dtype: str, *scales: float) -> list[TensorDescription]:
    """Like :func:`tensors`, but a scale of 0 is stored as a scale."""
    return [tensor._replace(scales=(scale,)) for tensor, scale in zip(tensors(*scales, dtype=dtype), scales)]


def test_the_scales_of_what_is_always_0() -> None:
    # This is how TensorFlow's converter stores the first state of an unrolled 16-bit LSTM, and the products with it.
    multiply = ADD._replace(name="MUL")
    check_scales("operator 0", multiply, zero_scaled("int16", 0.1, 0.0, 0.1))
    check_scales("operator 0", ADD, zero_scaled("int16", 0.1, 3.6e-43, 0.1))
    # Pruned filters of a 16-bit model.
    image, weights, output = zero_scaled("int16", 0.1, 0.0, 0.1)
    convolve = ADD._replace(name="CONV_2D")
    check_scales("operator 0", convolve, [image, weights._replace(dtype="int8"), output])


@pytest.mark.parametrize(
    ("name", "dtype", "scales"),
    [
        # Each of these crashes the process, on LiteRT 2.3 or on all interpreters.
        pytest.param("ADD", "int16", (0.1, 0.0, 0.1), id="sum-of-16-bits"),
        pytest.param("ADD", "int16", (0.1, 0.1, 1e-43), id="sum-in-tiny-steps"),
        pytest.param("QUANTIZE", "int8", (0.1, 0.1, 1e-43), id="8-bits-tiny"),
        pytest.param("TANH", "int8", (0.0, 0.1, 0.1), id="8-bits-zero"),
    ],
)
def test_scales_that_end_the_process(name: str, dtype: str, scales: tuple[float, ...]) -> None:
    with pytest.raises(ModelFileError, match=r"a scale of 0|apart"):
        check_scales("operator 0", ADD._replace(name=name), zero_scaled(dtype, *scales))


def convolution(*scales: float) -> ModelDescription:
    """A model with one convolution, given the scales of its input, weights and output."""
    operator = OperatorDescription("CONV_2D", 1, "", (0, 1), (2,))
    subgraph = SubgraphDescription("", tuple(tensors(*scales)), (operator,), (0,), (2,))
    return ModelDescription(0, "", (subgraph,), (), ())


def test_weights_that_fit_their_output() -> None:
    refuse_scales_beyond_litert(convolution(0.5, 1023.0, 2.0))
    # A dynamic-range model: only the weights are quantized.
    refuse_scales_beyond_litert(convolution(0.0, 1e8, 0.0))


def test_weights_that_do_not_fit_their_output() -> None:
    # 0.5 · 1024 / 2 = 256
    with pytest.raises(InterpreterError, match="operator 0, a CONV_2D") as caught:
        refuse_scales_beyond_litert(convolution(0.5, 1024.0, 2.0))
    assert caught.value.received == "256"


def test_an_interpreter_that_takes_one_scale_for_all_channels(tflite_folder: Path) -> None:
    # tflite-runtime 2.7 predicts at chance level on this model: 0.1015625 for each of its ten classes.
    description = read_model_description((tflite_folder / "cnn_int8_io_int8.tflite").read_bytes())
    refuse_scales_beyond("tflite-runtime", "2.10.0", description)
    with pytest.raises(InterpreterError, match=r"2\.9\.1 predicts at chance level for this model"):
        refuse_scales_beyond("tflite-runtime", "2.9.1", description)


def test_float_activations_and_a_scale_for_each_channel(tflite_folder: Path) -> None:
    """Every tflite-runtime uses one scale for all channels here: 2.10 to 2.14 classify 10 % of the digits correctly."""
    description = read_model_description((tflite_folder / "cnn_dynamic.tflite").read_bytes())
    refuse_scales_beyond("litert", "2.3.0", description)
    with pytest.raises(InterpreterError, match=r"2\.14\.0 predicts at chance level") as caught:
        refuse_scales_beyond("tflite-runtime", "2.14.0", description)
    assert "--target tflite-runtime-2.14" in caught.value.next_step


def dense(dtype: str, shape: tuple[int, ...], *, bias: bool, weights: str = "int8") -> ModelDescription:
    """A dense layer with two channels, each with its own scale."""
    empty = TensorDescription(0, "", (1,), (1,), "float32", (), (), 0, 0, False, False)
    tensors = (
        empty._replace(shape=shape, dtype=dtype),
        empty._replace(index=1, shape=(2, 3), dtype=weights, scales=(0.1, 0.2), zero_points=(0, 0)),
        empty._replace(index=2, shape=shape, dtype=dtype),
        empty._replace(index=3, shape=(2,)),
    )
    operator = OperatorDescription("FULLY_CONNECTED", 1, "", (0, 1, 3) if bias else (0, 1, -1), (2,))
    return ModelDescription(0, "", (SubgraphDescription("", tensors, (operator,), (0,), (2,)),), (), ())


@pytest.mark.parametrize(
    ("description", "is_refused"),
    [
        pytest.param(dense("float32", (1, 2), bias=True), True, id="float-activations"),
        pytest.param(dense("int8", (1, 2), bias=True), False, id="int8-activations"),
        pytest.param(dense("int8", (1, 2), bias=True, weights="int4"), True, id="4-bit-weights"),
        pytest.param(dense("int16", (1, 5, 2), bias=True), True, id="int16-of-three-dimensions"),
        pytest.param(dense("int16", (5, 2), bias=True), False, id="int16-of-two-dimensions"),
        pytest.param(dense("int16", (1, 5, 2), bias=False), False, id="int16-without-bias"),
    ],
)
def test_what_the_last_tflite_runtime_answers_at_chance(description: ModelDescription, is_refused: bool) -> None:
    refuse_scales_beyond("litert", "2.3.0", description)
    if is_refused:
        with pytest.raises(InterpreterError, match=r"2\.14\.0 predicts at chance level"):
            refuse_scales_beyond("tflite-runtime", "2.14.0", description)
    else:
        refuse_scales_beyond("tflite-runtime", "2.14.0", description)


def test_a_difference_whose_square_is_too_large_for_its_output() -> None:
    # (2 · 1)² / 2¹⁴ = 0.000244
    operator = ADD._replace(name="SQUARED_DIFFERENCE")
    check_scales("operator 0", operator, tensors(1.0, 1.0, 0.000245))
    with pytest.raises(ModelFileError, match="makes the kernel abort"):
        check_scales("operator 0", operator, tensors(1.0, 1.0, 0.000243))


@pytest.mark.parametrize(
    ("name", "interpreter", "machine", "crashes"),
    [
        # With ten classes, one row works; with three classes, not even one. Both were seen on emulated Pis.
        ("cnn_int8_io_int8", "tflite-runtime", "aarch64", "batches"),
        ("many_operators_int8", "tflite-runtime", "armv7l", "always"),
        ("many_operators_int8", "tflite-runtime", "x86_64", ""),
        ("many_operators_int8", "litert", "aarch64", ""),
        ("many_operators", "tflite-runtime", "aarch64", ""),
    ],
)
def test_a_dense_layer_that_crashes_on_arm(
    name: str, interpreter: str, machine: str, crashes: str, tflite_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(machine=machine))
    description = read_model_description((tflite_folder / f"{name}.tflite").read_bytes())
    assert dense_crashes(interpreter, "2.14.0", description) == crashes
    if crashes == "always":
        with pytest.raises(InterpreterError, match=r"tflite-runtime 2\.14\.0 crashes in"):
            refuse_scales_beyond(interpreter, "2.14.0", description)
    else:
        refuse_scales_beyond(interpreter, "2.14.0", description)


def test_4_bit_weights_on_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(machine="x86_64"))
    with pytest.raises(InterpreterError, match=r"tflite-c 2\.17\.1 reads 4-bit weights incorrectly"):
        refuse_scales_beyond("tflite-c", "2.17.1", dense("int8", (1, 2), bias=True, weights="int4"))
    refuse_scales_beyond("tflite-c", "2.17.1", dense("float32", (1, 2), bias=True))
