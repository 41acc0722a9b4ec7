"""Checks the custom operators that both interpreters include, because native code uses their options unchecked.

tests/data/targets/probe_custom_operators.py measures which operators these are. Their options are a map in the
FlexBuffers format. Source of its layout: the FlatBuffers "Internals" document, section "FlexBuffers".
"""

import struct
from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple, Optional, Union

from edgekit_runtime.tflite.description import OperatorDescription, TensorDescription
from edgekit_runtime.tflite.flatbuffer import Table, damaged
from edgekit_runtime.tflite.schema import Operator
from edgekit_runtime.tflite.shapes import OpenSizes

_QUANTIZED = ("int8", "uint8", "int16")
_LARGEST_COUNT = 2**16
_LARGEST_WINDOW = 2**20
# FlexBuffers types that an option may have.
_INT, _UINT, _FLOAT, _INDIRECT_INT, _INDIRECT_UINT, _INDIRECT_FLOAT, _MAP, _BOOL = 1, 2, 3, 6, 7, 8, 9, 26
_INDIRECT = {_INDIRECT_INT: _INT, _INDIRECT_UINT: _UINT, _INDIRECT_FLOAT: _FLOAT}
_CODES = {
    **{(kind, 1 << power): "bhiq"[power] for kind in (_INT,) for power in range(4)},
    **{(kind, 1 << power): "BHIQ"[power] for kind in (_UINT, _BOOL) for power in range(4)},
    (_FLOAT, 4): "f",
    (_FLOAT, 8): "d",
}


class Range(NamedTuple):
    """Allowed values of an option.

    Attributes:
        smallest: Smallest allowed value.
        largest: Largest allowed value.
        default: Value that the kernel uses if the option is missing; ``None`` if the option is required.
    """

    smallest: float
    largest: float
    default: Optional[float] = None


class CustomOperator(NamedTuple):
    """A custom operator that edgekit can run.

    Attributes:
        inputs: Number of inputs.
        outputs: Number of outputs.
        options: Allowed values of each option by name; the kernel ignores other options.
    """

    inputs: int
    outputs: int
    options: dict[str, Range]


_ANY = Range(-3e38, 3e38)
_COUNT = Range(1, _LARGEST_COUNT)
_SCALE = Range(1e-6, 1e6)
_FLAG = Range(0, 1, default=0)
#: The custom operators that both interpreters have, by name.
CUSTOM_OPERATORS = {
    "AudioSpectrogram": CustomOperator(
        1,
        1,
        {"window_size": Range(2, _LARGEST_WINDOW), "stride": Range(1, _LARGEST_WINDOW), "magnitude_squared": _FLAG},
    ),
    "Mfcc": CustomOperator(
        2,
        1,
        {
            "upper_frequency_limit": Range(0, 1e6),
            "lower_frequency_limit": Range(0, 1e6),
            "filterbank_channel_count": _COUNT,
            "dct_coefficient_count": _COUNT,
        },
    ),
    "NumericVerify": CustomOperator(2, 1, {"tolerance": Range(0, 1e6), "log_if_failed": _FLAG}),
    "TFLite_Detection_PostProcess": CustomOperator(
        3,
        4,
        {
            "max_detections": _COUNT,
            "max_classes_per_detection": _COUNT,
            "detections_per_class": _COUNT._replace(default=100),
            "use_regular_nms": _FLAG,
            "nms_score_threshold": _ANY,
            "nms_iou_threshold": Range(0, 1),
            "num_classes": _COUNT,
            "y_scale": _SCALE,
            "x_scale": _SCALE,
            "h_scale": _SCALE,
            "w_scale": _SCALE,
        },
    ),
}


def check_custom_operator(
    entry: Table,
    operator: OperatorDescription,
    tensors: Sequence[TensorDescription],
    content: memoryview,
    open_sizes: OpenSizes,
) -> None:
    """Raise an error unless the kernel of a custom operator can run with its options, types and shapes.

    Args:
        entry: Table of the operator.
        operator: One of :data:`CUSTOM_OPERATORS`.
        tensors: Tensors of the operator's subgraph.
        content: Content of the file up to the end of its FlatBuffer.
        open_sizes: Open sizes of the subgraph, up to this operator.
    Raises:
        ModelFileError: The kernel cannot run; the message names the operator.
    """
    name = operator.custom_code
    wanted = CUSTOM_OPERATORS[name]
    what = f"{entry.what}, a {name},"
    if (len(operator.inputs), len(operator.outputs)) != (wanted.inputs, wanted.outputs) or -1 in operator.inputs:
        raise damaged(f"{what} does not have {wanted.inputs} inputs and {wanted.outputs} outputs")
    start, size = entry.vector_place(Operator.CUSTOM_OPTIONS, "custom options")
    stored = _flexbuffer_map(bytes(content[start : start + size]), what)
    options = {key: _option(stored, key, wanted.options[key], what) for key in wanted.options}
    inputs = [tensors[index] for index in operator.inputs]
    outputs = [tensors[index] for index in operator.outputs]
    if any(output.dtype != "float32" for output in outputs):
        raise damaged(f"{what} has an output that is not float32")
    if not open_sizes.any_size.isdisjoint(operator.inputs):
        # All kernels except this one check the sizes that they rely on.
        if name == "NumericVerify":
            raise damaged(f"{what} compares tensors of open sizes")
        return
    if not _FITS[name](inputs, options):
        shapes = ", ".join(f"{tensor.dtype} {tensor.shape}" for tensor in inputs)
        raise damaged(f"{what} cannot work on {shapes} with {options}")


def _option(stored: dict[str, float], key: str, allowed: Range, what: str) -> float:
    value = stored.get(key, allowed.default)
    if value is None:
        raise damaged(f"{what} lacks its option {key}")
    if not (isfinite(value) and allowed.smallest <= value <= allowed.largest):
        raise damaged(f"{what} has the option {key} = {value}")
    return value


def _fits_spectrogram(inputs: Sequence[TensorDescription], options: dict[str, float]) -> bool:
    (sound,) = inputs
    return sound.dtype == "float32" and len(sound.shape) == 2


def _fits_mfcc(inputs: Sequence[TensorDescription], options: dict[str, float]) -> bool:
    spectrogram, rate = inputs
    return (
        spectrogram.dtype == "float32"
        and len(spectrogram.shape) == 3
        and spectrogram.shape[2] > 1
        and rate.dtype == "int32"
        and rate.shape in ((), (1,))
        and options["lower_frequency_limit"] < options["upper_frequency_limit"]
        and options["dct_coefficient_count"] <= options["filterbank_channel_count"]
    )


def _fits_verification(inputs: Sequence[TensorDescription], options: dict[str, float]) -> bool:
    quantized, reference = inputs
    is_quantized = quantized.dtype in _QUANTIZED and len(quantized.scales) == 1
    return (
        (is_quantized or quantized.dtype == "float16")
        and reference.dtype == "float32"
        and quantized.shape == reference.shape
    )


def _fits_detection(inputs: Sequence[TensorDescription], options: dict[str, float]) -> bool:
    boxes, scores, anchors = (tensor.shape for tensor in inputs)
    if any(t.dtype != "float32" and not (t.dtype in ("uint8", "int8") and len(t.scales) == 1) for t in inputs):
        return False
    if len(boxes) != 3 or len(scores) != 3 or len(anchors) != 2:
        return False
    count, classes = boxes[1], options["num_classes"]
    return (
        boxes[0] == scores[0] == 1
        and boxes[2] >= 4
        and anchors[1] == 4
        and count == scores[1] == anchors[0] > 0
        and scores[2] in (classes, classes + 1)
        and options["max_classes_per_detection"] <= classes
        and options["max_detections"] * options["max_classes_per_detection"] <= _LARGEST_COUNT
    )


_FITS = {
    "AudioSpectrogram": _fits_spectrogram,
    "Mfcc": _fits_mfcc,
    "NumericVerify": _fits_verification,
    "TFLite_Detection_PostProcess": _fits_detection,
}


def _flexbuffer_map(data: bytes, what: str) -> dict[str, float]:
    """Read the numbers of a FlexBuffer whose root is a map; values of other types are skipped.

    A vector is stored after its size. In a map, the size is preceded by the offset of the keys and the width of the
    offsets to them. The parent of a vector defines the width of its numbers. The values of a map are followed by one
    type byte each.
    """
    if not data:
        return {}
    reader = _FlexReader(data, what)
    root_width, root_type = data[-1], reader.byte(len(data) - 2)
    if root_type >> 2 != _MAP or root_width not in (1, 2, 4, 8):
        raise damaged(f"{what} has options that are not a map")
    width = 1 << (root_type & 3)
    place = reader.target(len(data) - 2 - root_width, root_width)
    count = reader.unsigned(place - width, width)
    key_width = reader.unsigned(place - 2 * width, width)
    if key_width not in (1, 2, 4, 8):
        raise damaged(f"{what} has options with an impossible layout")
    keys = reader.target(place - 3 * width, width)
    if reader.unsigned(keys - key_width, key_width) != count:
        raise damaged(f"{what} has options with an impossible layout")
    values: dict[str, float] = {}
    previous = ""
    for number in range(count):
        key = reader.text(reader.target(keys + number * key_width, key_width))
        # The kernel finds a key by binary search.
        if key <= previous:
            raise damaged(f"{what} has options that are not sorted")
        previous = key
        value = reader.number(place + number * width, width, reader.byte(place + count * width + number))
        if value is not None:
            values[key] = value
    return values


class _FlexReader:
    """Reads a FlexBuffer and checks every offset before using it."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what

    def _unpack(self, place: int, width: int, code: str) -> Union[int, float]:
        if place < 0 or place + width > len(self._data):
            raise damaged(f"{self._what} has options that end outside themselves")
        value: Union[int, float] = struct.unpack_from("<" + code, self._data, place)[0]
        return value

    def unsigned(self, place: int, width: int) -> int:
        return int(self._unpack(place, width, _CODES[_UINT, width]))

    def byte(self, place: int) -> int:
        return self.unsigned(place, 1)

    def target(self, place: int, width: int) -> int:
        """The position that an offset points to; offsets point backwards."""
        return place - self.unsigned(place, width)

    def text(self, place: int) -> str:
        end = self._data.find(b"\0", place) if place >= 0 else -1
        if end < 0:
            raise damaged(f"{self._what} has an option whose name has no end")
        return self._data[place:end].decode("latin-1")

    def number(self, place: int, width: int, packed_type: int) -> Optional[float]:
        """An integer, float or boolean, stored inline or behind an offset; ``None`` for any other type."""
        kind = packed_type >> 2
        if kind in _INDIRECT:
            place, width, kind = self.target(place, width), 1 << (packed_type & 3), _INDIRECT[kind]
        code = _CODES.get((kind, width))
        return None if code is None else self._unpack(place, width, code)
