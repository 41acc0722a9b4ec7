"""Makes a model for each custom operator that both interpreters bring along, as ``tests/data/tflite/custom_*.tflite``.

    python tests/data/operators/make_custom_operators.py

The converter writes none of them from a Keras model; they are written by hand with the schema's own Python classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from flatbuffers import flexbuffers

FOLDER = Path(__file__).resolve().parents[1] / "tflite"
TYPES = {np.float32: schema.TensorType.FLOAT32, np.int32: schema.TensorType.INT32, np.int8: schema.TensorType.INT8}
Value = "np.ndarray | tuple[tuple[int, ...], Any]"


def model(name: str, inputs: dict[str, Any], outputs: dict[str, tuple[int, ...]], options: dict[str, Any]) -> bytes:
    """A model of one operator; an array is a constant, a pair of shape and type an input."""
    graph, buffers = schema.SubGraphT(), [schema.BufferT()]
    graph.tensors, graph.inputs, graph.outputs = [], [], []
    for place, (key, value) in enumerate({**inputs, **{k: (v, np.float32) for k, v in outputs.items()}}.items()):
        tensor = schema.TensorT()
        is_constant = isinstance(value, np.ndarray)
        shape, kind = (value.shape, value.dtype.type) if is_constant else value
        tensor.name, tensor.shape, tensor.type, tensor.buffer = key, list(shape), TYPES[kind], 0
        tensor.hasRank = True
        if kind is np.int8:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [1 / 16], [3]
        if is_constant:
            tensor.buffer = len(buffers)
            buffers.append(schema.BufferT())
            buffers[-1].data = list(value.tobytes())
        elif key in inputs:
            graph.inputs.append(place)
        graph.tensors.append(tensor)
    graph.outputs = list(range(len(inputs), len(graph.tensors)))
    operator, code = schema.OperatorT(), schema.OperatorCodeT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, list(range(len(inputs))), graph.outputs
    operator.customOptions = list(flexbuffers.Dumps(options))
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = name, 1
    graph.operators = [operator]
    whole = schema.ModelT()
    whole.version, whole.operatorCodes, whole.subgraphs, whole.buffers = 3, [code], [graph], buffers
    return bytes(flatbuffer_utils.convert_object_to_bytearray(whole))


def main() -> None:
    dice = np.random.default_rng(0)
    corners = dice.uniform(0.2, 0.8, (12, 2))
    anchors = np.concatenate([corners, np.full((12, 2), 0.3)], 1).astype(np.float32)
    detection = {
        "max_detections": 5,
        "max_classes_per_detection": 1,
        "detections_per_class": 100,
        "use_regular_nms": False,
        "nms_score_threshold": 0.2,
        "nms_iou_threshold": 0.5,
        "num_classes": 3,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    }
    boxes = {"boxes": ((1, 12, 4), np.float32), "scores": ((1, 12, 4), np.float32), "anchors": anchors}
    found = {"places": (1, 5, 4), "classes": (1, 5), "confidence": (1, 5), "count": (1,)}
    models = {
        "detection": model("TFLite_Detection_PostProcess", boxes, found, detection),
        # As older converters write it: the sizes of the outputs are not stored.
        "detection_regular": model(
            "TFLite_Detection_PostProcess", boxes, dict.fromkeys(found, ()), {**detection, "use_regular_nms": True}
        ),
        "spectrogram": model(
            "AudioSpectrogram",
            {"sound": ((64, 1), np.float32)},
            {"spectrogram": (1, 7, 9)},
            {"window_size": 16, "stride": 8, "magnitude_squared": True},
        ),
        "mfcc": model(
            "Mfcc",
            {"spectrogram": ((1, 7, 257), np.float32), "rate": np.array([16000], np.int32)},
            {"mfcc": (1, 7, 13)},
            {
                "upper_frequency_limit": 4000.0,
                "lower_frequency_limit": 20.0,
                "filterbank_channel_count": 40,
                "dct_coefficient_count": 13,
            },
        ),
        "numeric_verify": model(
            "NumericVerify",
            {"codes": ((2, 3), np.int8), "reference": ((2, 3), np.float32)},
            {"difference": (2, 3)},
            {"tolerance": 5.0, "log_if_failed": False},
        ),
    }
    for name, content in models.items():
        (FOLDER / f"custom_{name}.tflite").write_bytes(content)


if __name__ == "__main__":
    main()
