"""Golden examples: a model's predictions on this machine, and how far a correct device may deviate from them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_converters.quantization.modes import Mode
from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.packed_file.golden import DecodeAnswer, GoldenInput, golden_outputs, prepared_digests
from edgekit_runtime.task import CLASSES, LABELS, MASK, SEQUENCE, Kind, Task
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

_FLOORS = {mode.record.arithmetic.name: mode.record.arithmetic.golden_floor for mode in Mode}
#: Steps of a quantized output that rounding errors may add up to: for probabilities, and for other outputs. A steering
#: angle may be near 0, where a relative limit says nothing; two published steering models deviate by 6 and 12 of 256
#: steps on tflite-runtime 2.14.
_STEPS, _STEPS_OF_OTHERS = 4, 16
_SCORED_KINDS = (CLASSES, LABELS, MASK, SEQUENCE)
#: A device's rounding may deviate from the model by up to this many times the model's own deviation from its source.
_TIMES_OWN_ERROR = 2.0
#: However bad the model is, a device may never deviate by more than this share of the largest value, or by rounding.
_CEILING = 0.25


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden examples, ready to be packed.

    Attributes:
        content: Content of ``golden.npz``.
        facts: Description of the examples, for the manifest.
        parity: How far the model deviates on them from the one it was made from, for the manifest; empty if that one
            was not available.
    """

    content: bytes
    facts: dict[str, Any]
    parity: dict[str, Any]


def make_golden(
    model: TfliteModel,
    inputs: Sequence[np.ndarray],
    *,
    origin: str,
    preprocessing: Mapping[str, GoldenInput] = MappingProxyType({}),
    task: Task | None = None,
    source_outputs: Mapping[str, np.ndarray] | None = None,
    decode: DecodeAnswer | None = None,
) -> Golden | None:
    """Run a model on some inputs and keep its predictions.

    Args:
        model: The .tflite that the examples are for; it is run on this machine, on the first installed interpreter.
        inputs: Values (N, ...) of each input: uint8 pixels for images, raw examples for inputs with a ``RawInput``.
        origin: Where they come from, for readers of the manifest.
        preprocessing: How images, recordings or strings become an input, by the input's name.
        task: Kinds of its inputs and outputs; None derives them from the model's graph.
        source_outputs: Predictions of the model that it was made from, (N, ...) by output name.
        decode: Decodes outputs to the answer that is packed with them; None if there is no such decoding.
    Returns:
        The examples; None if the model returns no finite numbers that could be compared.
    """
    loaded = edgekit_runtime.load(model)
    try:
        outputs = golden_outputs(loaded, inputs, preprocessing)
    except (EdgekitError, ValueError):
        # The model may reject generated inputs; outputs of different sizes cannot form one array.
        return None
    if not any(output.size for output in outputs) or not all(np.isfinite(output).all() for output in outputs):
        return None
    keras = _in_order(source_outputs, [info.name for info in loaded.outputs], outputs)
    arithmetic = arithmetic_of(loaded.description)
    steps = _output_steps(loaded.description)
    kinds = [(task or loaded.task).outputs[info.name] for info in loaded.outputs]
    tolerance = [
        _tolerance(output, keras[number] if keras else None, arithmetic, step=steps[number], kind=kinds[number].name)
        for number, output in enumerate(outputs)
    ]
    arrays = {f"input_{number}": array for number, array in enumerate(inputs)}
    arrays |= {f"output_{number}": array for number, array in enumerate(outputs)}
    arrays |= {f"keras_{number}": array for number, array in enumerate(keras)}
    arrays |= decode(outputs) if decode is not None else {}
    arrays |= prepared_digests(inputs, [info.name for info in loaded.inputs], preprocessing)
    facts = {
        "inputs": origin,
        "examples": len(inputs[0]),
        "interpreter": f"{loaded.interpreter} {loaded.interpreter_version}",
        "arithmetic": arithmetic,
        "tolerance": [_short(limit) for limit in tolerance],
    }
    return Golden(_npz(arrays | {"tolerance": np.array(tolerance)}), facts, _parity(outputs, keras, kinds))


def arithmetic_of(description: ModelDescription) -> str:
    """Arithmetic of a model: ``float32``, ``float16``, ``dynamic``, ``int8`` or ``int16``."""
    computed = {t.dtype for s in description.subgraphs for t in s.tensors if t.scales and not t.is_constant}
    if "int16" in computed:
        return "int16"
    if computed:
        return "int8"
    constants = [t for s in description.subgraphs for t in s.tensors if t.is_constant]
    if any(tensor.scales or tensor.dtype in ("int4", "int2") for tensor in constants):
        return "dynamic"
    return "float16" if any(tensor.dtype == "float16" for tensor in constants) else "float32"


def _parity(outputs: Sequence[np.ndarray], keras: Sequence[np.ndarray], kinds: Sequence[Kind]) -> dict[str, Any]:
    """The largest deviation of any value, and the number of examples for which all class outputs agree."""
    if not keras:
        return {}
    pairs = list(zip(outputs, keras, strict=True))
    errors = [float(np.abs(np.asarray(own, np.float64) - source).max()) for own, source in pairs]
    parity: dict[str, Any] = {"max_error": _short(max(errors))}
    classes = [
        [predicted_classes(probabilities(each, kind.is_logit)) for each in pair]
        for pair, kind in zip(pairs, kinds, strict=True)
        if kind.name == CLASSES
    ]
    if classes:
        same = [own == source for own, source in classes]
        parity["top1_equal"] = int(np.all([equal.reshape(len(equal), -1).all(1) for equal in same], axis=0).sum())
    return parity


def _short(value: float) -> float:
    """Round to three significant digits, which are enough and take less space than seventeen."""
    return float(f"{value:.3g}")


def _tolerance(output: np.ndarray, keras: np.ndarray | None, arithmetic: str, *, step: float, kind: str) -> float:
    """How far a value may deviate from ``output``: by rounding, or by twice the model's own error."""
    # A detector may return no detections.
    if output.dtype.kind != "f" or not output.size:
        return 0.0
    reach = max(float(np.ptp(output)), float(np.abs(output).max())) or 1.0
    own_error = 0.0 if keras is None else float(np.abs(output - keras).max())
    steps = _STEPS if kind in _SCORED_KINDS and _are_shares(output) else _STEPS_OF_OTHERS
    rounding = max(_FLOORS[arithmetic] * reach, steps * step)
    return max(min(_TIMES_OWN_ERROR * own_error, _CEILING * reach), rounding)


def _are_shares(output: np.ndarray) -> bool:
    """Whether all values are probabilities, within the accuracy of integers; logits are not."""
    return bool(output.min() >= -0.05 and output.max() <= 1.05)


def _output_steps(description: ModelDescription) -> list[float]:
    """The real value of one step of each output before it was dequantized; 0 if it was never quantized."""
    tensors = description.tensors
    before = {o.outputs[0]: o.inputs[0] for o in description.operators if o.name in ("QUANTIZE", "DEQUANTIZE")}
    scales = [tensors[before.get(index, index)].scales for index in description.subgraphs[0].outputs]
    return [max(each, default=0.0) for each in scales]


def _in_order(
    named: Mapping[str, np.ndarray] | None, names: Sequence[str], outputs: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The source model's outputs in the order and shape of the file's outputs; empty if they do not correspond."""
    if named is None or set(named) != set(names):
        return []
    if any(named[name].size != output.size for name, output in zip(names, outputs, strict=True)):
        return []
    if not all(values.size and np.isfinite(values).all() for values in named.values()):
        return []
    return [named[name].reshape(output.shape).astype(output.dtype) for name, output in zip(names, outputs, strict=True)]


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    # Stored, not compressed: the surrounding zip compresses all of it, including the headers.
    np.savez(file, **named)
    return file.getvalue()
