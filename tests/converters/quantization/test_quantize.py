"""Every mode on a real interpreter: types, sizes, operators, answers, equal bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization import recipes
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import IoType, Mode, Scheme
from edgekit_converters.quantization.quantize import quantize
from edgekit_converters.quantization.ranges import Ranges
from edgekit_runtime.errors import ConversionError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

VARIANTS = [(mode, io) for mode in Mode for io in mode.io_types]
every_variant = pytest.mark.parametrize(("mode", "io"), VARIANTS, ids=[f"{m.value}-{io.value}" for m, io in VARIANTS])
every_scheme = pytest.mark.parametrize("scheme", list(Scheme), ids=lambda scheme: scheme.value)


@pytest.fixture(scope="module")
def ranges(small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray) -> Ranges:
    return calibrate(small_cnn_tflite, [{"picture": one[np.newaxis]} for one in small_cnn_inputs])


def answer(model: TfliteModel, inputs: np.ndarray) -> np.ndarray:
    """Real-valued outputs, quantizing and dequantizing by the formula of the LiteRT specification."""
    interpreter = Interpreter(model_content=model.content)
    interpreter.allocate_tensors()
    (tensor_in,), (tensor_out,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for real_input in inputs:
        value = real_input
        if tensor_in["dtype"] != np.float32:
            scale, zero_point = tensor_in["quantization"]
            limits = np.iinfo(tensor_in["dtype"])
            value = np.clip(np.rint(value / scale) + zero_point, limits.min, limits.max).astype(tensor_in["dtype"])
        interpreter.set_tensor(tensor_in["index"], value[np.newaxis])
        interpreter.invoke()
        output = interpreter.get_tensor(tensor_out["index"])[0]
        if tensor_out["dtype"] != np.float32:
            scale, zero_point = tensor_out["quantization"]
            output = (output.astype(np.int32) - zero_point) * np.float32(scale)
        outputs.append(output)
    return np.array(outputs)


@every_variant
@every_scheme
def test_answers_stay_close(
    mode: Mode,
    io: IoType,
    scheme: Scheme,
    small_cnn: Any,
    small_cnn_tflite: TfliteModel,
    small_cnn_inputs: np.ndarray,
    ranges: Ranges,
) -> None:
    model = quantize(small_cnn_tflite, mode, io=io, scheme=scheme, ranges=ranges)
    expected = small_cnn.predict(small_cnn_inputs, verbose=0)
    # An int8 output's step is 1/256; a few steps for the layers before it. 4-bit weights have 15 steps.
    tolerance = {Mode.NONE: 1e-6, Mode.FLOAT16: 1e-3, Mode.INT16X8: 0.01, Mode.INT4: 0.12}.get(mode, 0.02)
    np.testing.assert_allclose(answer(model, small_cnn_inputs), expected, atol=tolerance)


@every_variant
def test_equal_arguments_give_equal_bytes(
    mode: Mode, io: IoType, small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray
) -> None:
    def whole_path() -> TfliteModel:
        samples = ({"picture": one[np.newaxis]} for one in small_cnn_inputs[:20])
        return quantize(small_cnn_tflite, mode, io=io, ranges=calibrate(small_cnn_tflite, samples))

    assert whole_path() == whole_path()


@every_variant
def test_inputs_and_outputs_have_the_type_asked_for(
    mode: Mode, io: IoType, small_cnn_tflite: TfliteModel, ranges: Ranges
) -> None:
    interpreter = Interpreter(model_content=quantize(small_cnn_tflite, mode, io=io, ranges=ranges).content)
    interpreter.allocate_tensors()
    edges = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert {edge["dtype"].__name__ for edge in edges} == {io.value}
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["picture"], "outputs": ["kind"]}}


def test_uint8_and_int8_stand_for_the_same_values(small_cnn_tflite: TfliteModel, ranges: Ranges) -> None:
    edges = {}
    for io in (IoType.INT8, IoType.UINT8):
        interpreter = Interpreter(model_content=quantize(small_cnn_tflite, Mode.INT8, io=io, ranges=ranges).content)
        edges[io] = [
            interpreter.get_input_details()[0]["quantization"],
            interpreter.get_output_details()[0]["quantization"],
        ]
    for (int8_scale, int8_zero), (uint8_scale, uint8_zero) in zip(edges[IoType.INT8], edges[IoType.UINT8], strict=True):
        assert uint8_scale == int8_scale
        assert uint8_zero == int8_zero + 128


#: The convolution's 36 weights and the dense layer's 144, as stored: the only constants with that many values.
WEIGHT_TYPES = {
    Mode.NONE: ("float32", "float32"),
    Mode.FLOAT16: ("float16", "float16"),
    # So few weights would be slower as int8.
    Mode.DYNAMIC: ("float16", "float16"),
    Mode.INT8: ("int8", "int8"),
    Mode.INT16X8: ("int8", "int8"),
    Mode.INT4: ("int4", "int4"),
}


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.value)
def test_weights_have_the_modes_type(mode: Mode, small_cnn_tflite: TfliteModel, ranges: Ranges) -> None:
    tensors = quantize(small_cnn_tflite, mode, ranges=ranges).description.tensors
    constants = {int(np.prod(tensor.shape)): tensor.dtype for tensor in tensors if tensor.is_constant}
    assert (constants[36], constants[144]) == WEIGHT_TYPES[mode]


@pytest.fixture
def small_weights_are_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``dynamic`` quantize this file's small CNN like a large one."""
    monkeypatch.setattr(recipes, "_SMALL_WEIGHTS", 0)


INTEGER_MODES = [Mode.DYNAMIC, Mode.INT8, Mode.INT16X8, Mode.INT4]
INTEGER_VARIANTS = [(mode, io) for mode, io in VARIANTS if mode in INTEGER_MODES]


@pytest.mark.usefixtures("small_weights_are_integers")
@pytest.mark.parametrize("mode", INTEGER_MODES, ids=lambda mode: mode.value)
@every_scheme
def test_the_scheme_sets_the_number_of_scales(
    mode: Mode, scheme: Scheme, small_cnn_tflite: TfliteModel, ranges: Ranges
) -> None:
    # Four filters, four classes.
    expected = 4 if scheme is Scheme.PER_CHANNEL else 1
    assert scales(quantize(small_cnn_tflite, mode, scheme=scheme, ranges=ranges)) == (expected, expected)


@pytest.mark.usefixtures("small_weights_are_integers")
@pytest.mark.parametrize("mode", INTEGER_MODES, ids=lambda mode: mode.value)
def test_single_kinds_of_operators_get_one_scale(mode: Mode, small_cnn_tflite: TfliteModel, ranges: Ranges) -> None:
    model = quantize(small_cnn_tflite, mode, ranges=ranges, per_tensor_operators=["FULLY_CONNECTED"])
    assert scales(model) == (4, 1)


def scales(model: TfliteModel) -> tuple[int, int]:
    """How many scales the convolution's weights have, and the dense layer's."""
    by_size = {int(np.prod(t.shape)): len(t.scales) for t in model.description.tensors if t.is_constant}
    return by_size[36], by_size[144]


@pytest.mark.usefixtures("small_weights_are_integers")
@pytest.mark.parametrize(("mode", "io"), INTEGER_VARIANTS, ids=[f"{m.value}-{io.value}" for m, io in INTEGER_VARIANTS])
def test_named_operators_stay_in_float(
    mode: Mode, io: IoType, small_cnn: Any, small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray, ranges: Ranges
) -> None:
    convolution, softmax = (operator_output(small_cnn_tflite, kind) for kind in ("CONV_2D", "SOFTMAX"))
    model = quantize(small_cnn_tflite, mode, io=io, ranges=ranges, float_operators=[convolution, softmax])
    description = model.description
    types = {
        operator.name: {description.tensors[index].dtype for index in (*operator.inputs, *operator.outputs)}
        for operator in description.operators
    }
    assert types["CONV_2D"] == types["SOFTMAX"] == {"float32"}
    assert types["FULLY_CONNECTED"] != {"float32"}
    assert description.inputs[0].dtype == description.outputs[0].dtype == io.value
    expected = small_cnn.predict(small_cnn_inputs, verbose=0)
    np.testing.assert_allclose(answer(model, small_cnn_inputs), expected, atol=0.12 if mode is Mode.INT4 else 0.02)


def operator_output(model: TfliteModel, kind: str) -> str:
    description = model.description
    (operator,) = [operator for operator in description.operators if operator.name == kind]
    return description.tensors[operator.outputs[0]].name


def test_an_unknown_operator_is_refused(small_cnn_tflite: TfliteModel) -> None:
    with pytest.raises(UsageError, match="No operator of the model writes") as caught:
        quantize(small_cnn_tflite, Mode.DYNAMIC, float_operators=["convolution_9"])
    assert caught.value.received == "convolution_9"


@pytest.mark.parametrize("mode", [Mode.INT8, Mode.INT16X8], ids=lambda mode: mode.value)
def test_integer_activations_without_data_are_refused(mode: Mode, small_cnn_tflite: TfliteModel) -> None:
    with pytest.raises(UsageError, match=f"{mode.value} needs data") as caught:
        quantize(small_cnn_tflite, mode)
    assert "--quantize dynamic" in caught.value.next_step
    assert caught.value.exit_code == 2


WRONG_EDGES = [(mode, io) for mode in Mode for io in IoType if io not in mode.io_types]


@pytest.mark.parametrize(("mode", "io"), WRONG_EDGES, ids=[f"{m.value}-{io.value}" for m, io in WRONG_EDGES])
def test_edges_that_a_mode_does_not_have_are_refused(mode: Mode, io: IoType, small_cnn_tflite: TfliteModel) -> None:
    with pytest.raises(UsageError, match=f"--io {io.value} does not go with --quantize {mode.value}") as caught:
        quantize(small_cnn_tflite, mode, io=io)
    assert caught.value.exit_code == 2
    assert f"--quantize {'int16x8' if io is IoType.INT16 else 'int8'} --io {io.value}" in caught.value.next_step


@pytest.mark.parametrize("made_as", [Mode.FLOAT16, Mode.DYNAMIC, Mode.INT8], ids=lambda mode: mode.value)
def test_a_quantized_model_is_refused(made_as: Mode, small_cnn_tflite: TfliteModel, ranges: Ranges) -> None:
    quantized = quantize(small_cnn_tflite, made_as, ranges=ranges)
    with pytest.raises(ConversionError, match="The model is quantized already"):
        quantize(quantized, Mode.DYNAMIC)
    with pytest.raises(ConversionError, match="The model is quantized already"):
        calibrate(quantized, [])


def test_nothing_is_printed(
    small_cnn_tflite: TfliteModel, small_cnn_inputs: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    ranges = calibrate(small_cnn_tflite, [{"picture": one[np.newaxis]} for one in small_cnn_inputs])
    for mode in Mode:
        quantize(small_cnn_tflite, mode, ranges=ranges)
    assert capsys.readouterr() == ("", "")


@every_variant
def test_a_model_without_weights_is_taken(mode: Mode, io: IoType) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((6,), name="picture"), keras.layers.Softmax(name="kind")])
    lowered = lower_keras_model(model, name="softmax")[0]
    scores = np.random.default_rng(0).random((10, 6), np.float32)
    ranges = calibrate(lowered, [{"picture": one[np.newaxis]} for one in scores])
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(answer(quantize(lowered, mode, io=io, ranges=ranges), scores), expected, atol=0.01)


def dynamic_weight_types(layers: list[Any], shape: tuple[int, ...]) -> list[tuple[str, str]]:
    """Kind of each operator with weights in a dynamic model, and the type in which its weights are stored."""
    import keras

    model = keras.Sequential([keras.layers.Input(shape, name="picture"), *layers])
    description = quantize(lower_keras_model(model, name="layers")[0], Mode.DYNAMIC).description
    stored = {
        operator.outputs[0]: description.tensors[operator.inputs[0]].dtype
        for operator in description.operators
        if operator.name == "DEQUANTIZE"
    }
    weighted = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
    return [
        (operator.name, stored.get(operator.inputs[1], description.tensors[operator.inputs[1]].dtype))
        for operator in description.operators
        if operator.name in weighted
    ]


def test_dynamic_leaves_weights_in_float_that_would_be_slower_as_integers() -> None:
    from keras import layers

    convolutions = [
        layers.DepthwiseConv2D(3, name="depthwise"),
        layers.Conv2D(8, 1, name="few"),
        layers.Conv2D(64, 3, name="many"),
        layers.Conv2DTranspose(8, 3, name="transposed"),
    ]
    assert dynamic_weight_types(convolutions, (8, 8, 128)) == [
        ("DEPTHWISE_CONV_2D", "float16"),
        ("CONV_2D", "float16"),
        ("CONV_2D", "int8"),
        ("TRANSPOSE_CONV", "float32"),
    ]
    assert dynamic_weight_types([layers.Dense(65), layers.Dense(4)], (32,)) == [
        ("FULLY_CONNECTED", "int8"),
        ("FULLY_CONNECTED", "float16"),
    ]
