"""Every mode on a real interpreter: types, sizes, operators, answers, equal bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.errors import UsageError

VARIANTS = [
    (Mode.NONE, IoType.FLOAT32),
    (Mode.FLOAT16, IoType.FLOAT32),
    (Mode.DYNAMIC, IoType.FLOAT32),
    (Mode.INT8, IoType.FLOAT32),
    (Mode.INT8, IoType.INT8),
    (Mode.INT8, IoType.UINT8),
]
every_variant = pytest.mark.parametrize(("mode", "io"), VARIANTS, ids=[f"{m.value}-{io.value}" for m, io in VARIANTS])


def samples_for(mode: Mode, inputs: np.ndarray) -> list[dict[str, np.ndarray]] | None:
    return [{"picture": inputs[row : row + 1]} for row in range(len(inputs))] if mode.needs_calibration else None


def answer(model: bytes, inputs: np.ndarray) -> np.ndarray:
    """Real-valued outputs, quantizing and dequantizing by the formula of the LiteRT specification."""
    interpreter = Interpreter(model_content=model)
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
def test_answers_stay_close(
    mode: Mode, io: IoType, small_cnn: Any, small_cnn_tflite: bytes, small_cnn_inputs: np.ndarray
) -> None:
    samples = samples_for(mode, small_cnn_inputs)
    model = quantize(small_cnn_tflite, mode, io=io, representative_dataset=samples)
    expected = small_cnn.predict(small_cnn_inputs, verbose=0)
    # The output's step is 1/256 where it is an integer; a few steps for the layers before it.
    tolerance = {Mode.NONE: 1e-6, Mode.FLOAT16: 1e-3, Mode.DYNAMIC: 0.02, Mode.INT8: 0.02}[mode]
    np.testing.assert_allclose(answer(model, small_cnn_inputs), expected, atol=tolerance)


@every_variant
def test_equal_arguments_give_equal_bytes(
    mode: Mode, io: IoType, small_cnn_tflite: bytes, small_cnn_inputs: np.ndarray
) -> None:
    samples = samples_for(mode, small_cnn_inputs[:20])
    first = quantize(small_cnn_tflite, mode, io=io, representative_dataset=samples)
    assert quantize(small_cnn_tflite, mode, io=io, representative_dataset=samples) == first


@every_variant
def test_inputs_and_outputs_have_the_type_asked_for(
    mode: Mode, io: IoType, small_cnn_tflite: bytes, small_cnn_inputs: np.ndarray
) -> None:
    model = quantize(small_cnn_tflite, mode, io=io, representative_dataset=samples_for(mode, small_cnn_inputs))
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    edges = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert {edge["dtype"].__name__ for edge in edges} == {io.value}
    assert interpreter.get_signature_list() == {"serving_default": {"inputs": ["picture"], "outputs": ["kind"]}}


def test_uint8_and_int8_stand_for_the_same_values(small_cnn_tflite: bytes, small_cnn_inputs: np.ndarray) -> None:
    samples = samples_for(Mode.INT8, small_cnn_inputs)
    edges = {}
    for io in (IoType.INT8, IoType.UINT8):
        interpreter = Interpreter(
            model_content=quantize(small_cnn_tflite, Mode.INT8, io=io, representative_dataset=samples)
        )
        edges[io] = [
            interpreter.get_input_details()[0]["quantization"],
            interpreter.get_output_details()[0]["quantization"],
        ]
    for (int8_scale, int8_zero), (uint8_scale, uint8_zero) in zip(edges[IoType.INT8], edges[IoType.UINT8], strict=True):
        assert uint8_scale == int8_scale
        assert uint8_zero == int8_zero + 128


def test_weights_shrink(small_cnn: Any, small_cnn_tflite: bytes, small_cnn_inputs: np.ndarray) -> None:
    def weight_bytes(model: bytes) -> int:
        interpreter = Interpreter(model_content=model)
        # The dense layer's 36 × 4 weights: the only constant with that many values.
        (dense,) = [
            t for t in interpreter.get_tensor_details() if sorted(t["shape"]) == [4, 36] and "dequant" not in t["name"]
        ]
        return int(np.prod(dense["shape"])) * np.dtype(dense["dtype"]).itemsize

    assert weight_bytes(small_cnn_tflite) == 576
    assert weight_bytes(quantize(small_cnn_tflite, Mode.DYNAMIC)) == 144
    samples = samples_for(Mode.INT8, small_cnn_inputs)
    assert weight_bytes(quantize(small_cnn_tflite, Mode.INT8, representative_dataset=samples)) == 144


def test_int8_without_data_is_refused(small_cnn_tflite: bytes) -> None:
    with pytest.raises(UsageError, match="int8 needs data") as caught:
        quantize(small_cnn_tflite, Mode.INT8)
    assert "--quantize dynamic" in caught.value.next_step
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("mode", [Mode.NONE, Mode.FLOAT16, Mode.DYNAMIC], ids=lambda mode: mode.value)
def test_integer_edges_need_int8(mode: Mode, small_cnn_tflite: bytes) -> None:
    with pytest.raises(UsageError, match="only int8 models have integer inputs"):
        quantize(small_cnn_tflite, mode, io=IoType.UINT8)


def test_nothing_is_printed(
    small_cnn_tflite: bytes, small_cnn_inputs: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    quantize(small_cnn_tflite, Mode.INT8, representative_dataset=samples_for(Mode.INT8, small_cnn_inputs))
    quantize(small_cnn_tflite, Mode.DYNAMIC)
    assert capsys.readouterr() == ("", "")
