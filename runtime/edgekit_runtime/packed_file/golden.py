"""Golden examples: a few inputs with their predictions, which verify that a device computes the expected values."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgekit_runtime.classification import predicted_classes, probabilities
from edgekit_runtime.errors import InterpreterError, ModelFileError, TensorMismatchError
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, Parts
from edgekit_runtime.task import CLASSES, UNNAMED, Task
from edgekit_runtime.tensor_info import TensorInfo

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

# The arrays inside golden.npz are untrusted as well, and their headers may state any size.
_LARGEST_BYTES = 64_000_000


#: Names of arrays with the answer that is decoded from the outputs begin with this.
ANSWER_PREFIX = "answer_"
#: Names of arrays with the digests of prepared recordings or strings begin with this; the input's number follows.
PREPARED_PREFIX = "prepared_"
#: Values of a digest: enough to notice any other front end or vocabulary, and hardly a byte of the file.
_DIGEST_VALUES = 8
#: numpy's exp() may differ between processors in its last bits.
_ANSWER_RELATIVE, _ANSWER_ABSOLUTE = 1e-4, 1e-3
#: Decodes the outputs of golden examples, (N, ...) in the file's order, to arrays by name.
DecodeAnswer = Callable[[Sequence[np.ndarray]], Mapping[str, np.ndarray]]


class GoldenInput(Protocol):
    """How an input of golden examples is prepared: a ``Preprocessing`` or a ``RawInput``."""

    def golden_values(self, array: np.ndarray) -> np.ndarray:
        """Convert an input of golden examples (N, ...) to real values (N, ...) of the model's input."""


class GoldenModel(Protocol):
    """The part of a loaded model that verification uses; :class:`edgekit_runtime.Model` implements it.

    Attributes:
        inputs: Inputs, in the file's order.
        outputs: Outputs, in the file's order.
        interpreter: Name of the interpreter.
        interpreter_version: Version of the interpreter.
        task: Kind of each input and output.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    interpreter: str
    interpreter_version: str
    task: Task

    def predict_named(self, batch: Any) -> dict[str, np.ndarray]:
        """Return the real values of each output by name, for a dict with one example per input."""


@dataclass(frozen=True)
class GoldenExamples:
    """Content of ``golden.npz``, which has the arrays ``input_0``, ``output_0``, ``keras_0``, … and ``tolerance``.

    Attributes:
        inputs: One array (N, …) per model input; uint8 pixels, red first, if the input is an image.
        outputs: For each output, the real values that this file predicted when it was packed.
        keras: For each output, the values of the source model; empty if the source model was not available.
        tolerance: For each output, the largest allowed difference from ``outputs``.
        answer: What ``outputs`` are decoded to, such as boxes, by name with ``ANSWER_PREFIX``; usually empty.
        prepared: Digests of the inputs that are prepared from recordings or strings, by name with ``PREPARED_PREFIX``;
            usually empty. A model may be nearly blind to a change of its front end, and the digests are not.
    """

    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]
    keras: tuple[np.ndarray, ...]
    tolerance: tuple[float, ...]
    answer: Mapping[str, np.ndarray] = field(default_factory=dict)
    prepared: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class GoldenReport:
    """Result of verifying a model with its golden examples.

    Attributes:
        interpreter: Name and version of the interpreter.
        examples: Number of golden examples.
        max_error: For each example, the largest difference between an output value and the packed one.
        tolerance: For each output, the largest allowed difference.
        top1_equal: For each example, whether every output of classes predicts the packed class.
        passed: Whether every value of every example is within the tolerance, and answer and prepared inputs are equal.
        answer_equal: Whether the packed outputs are decoded to the packed answer; true if no answer is packed.
        prepared_equal: Whether recordings and strings are prepared as when the model was packed; true without any.
    """

    interpreter: str
    examples: int
    max_error: tuple[float, ...]
    tolerance: tuple[float, ...]
    top1_equal: tuple[bool, ...]
    passed: bool
    answer_equal: bool = True
    prepared_equal: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self)

    def require_passed(self) -> None:
        """Raise an error if the model predicts differently here than where it was packed.

        Raises:
            InterpreterError: A difference exceeds the tolerance; the message states the largest difference.
            ModelFileError: The inputs are prepared, or the outputs decoded, differently than when the model was packed.
        """
        if not self.prepared_equal:
            raise ModelFileError(
                "The inputs of the model's golden examples are prepared differently than when it was packed.",
                expected="the front end, sample rate or vocabulary that the model was packed with",
                received="other values from the same recordings or strings",
                next_step="convert or pack the model again, or copy it to the device again",
            )
        if not self.answer_equal:
            raise ModelFileError(
                "The outputs of the model's golden examples are decoded to another answer than when it was packed.",
                expected="the anchors, vocabulary and parameters of the decoding that the model was packed with",
                received="another answer from the same outputs",
                next_step="convert or pack the model again, or copy it to the device again",
            )
        if not self.passed:
            raise InterpreterError(
                f"{self.interpreter} does not reproduce the predictions of the model's golden examples.",
                expected=f"values within {max(self.tolerance):.3g} of the packed ones",
                received=f"errors up to {max(self.max_error):.3g}; top class equal in"
                f" {sum(self.top1_equal)} of {self.examples} examples",
                next_step="use another interpreter or version of it, or convert the model for this one",
            )


def read_golden(model: Content) -> GoldenExamples:
    """Read the golden examples of a .tflite.

    Args:
        model: Content of the whole file.
    Raises:
        ModelFileError: The file has no golden examples, or they are damaged.
    """
    content = Parts(model).read(GOLDEN_NAME)
    if not content:
        raise ModelFileError(
            "The model has no golden examples.",
            expected=f"a part {GOLDEN_NAME}, as edgekit convert packs it",
            next_step="add them on the workstation: edgekit pack model.tflite",
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            if sum(entry.file_size for entry in arrays.zip.infolist()) > _LARGEST_BYTES:
                raise ValueError("its arrays are too large")
            groups = {
                kind: tuple(arrays[f"{kind}_{number}"] for number in range(_count(arrays.files, kind)))
                for kind in ("input", "output", "keras")
            }
            tolerance = _tolerance(arrays["tolerance"])
            answer, prepared = (
                {name: arrays[name] for name in arrays.files if name.startswith(prefix)}
                for prefix in (ANSWER_PREFIX, PREPARED_PREFIX)
            )
        numeric = [*(array for group in groups.values() for array in group), *answer.values(), *prepared.values()]
        if not all(array.dtype.kind in "biufc" for array in numeric):
            raise ValueError("its arrays are not numeric")
        counts = {len(array) for group in groups.values() for array in group}
        if len(counts) != 1 or 0 in counts or len(tolerance) != len(groups["output"]):
            raise ValueError("the sizes of its arrays are inconsistent")
    # numpy raises many kinds of exceptions for damaged arrays.
    except Exception as error:
        raise ModelFileError("The golden examples packed into the model are damaged.", received=str(error)) from error
    return GoldenExamples(groups["input"], groups["output"], groups["keras"], tolerance, answer, prepared)


def replay(
    model: GoldenModel,
    golden: GoldenExamples,
    preprocessing: Mapping[str, GoldenInput],
    decode: DecodeAnswer | None = None,
) -> GoldenReport:
    """Run the golden examples on a loaded model and compare its predictions with the packed ones.

    Args:
        model: Loaded model.
        golden: Golden examples of the model.
        preprocessing: How images, recordings or strings become an input, by input name, as packed with the model.
        decode: Decodes outputs to the answer, as packed with the model; ``None`` if the model has no such decoding.
    Raises:
        ModelFileError: The examples belong to another model.
    """
    outputs = golden_outputs(model, golden.inputs, preprocessing)
    if [array.shape for array in outputs] != [array.shape for array in golden.outputs]:
        raise ModelFileError("The golden examples packed into the model belong to another model.")
    # NaN is never within a tolerance.
    errors = [np.abs(_rows(o) - _rows(e)).max(1) for o, e in zip(outputs, golden.outputs)]
    # The packed outputs are decoded, not the new ones, whose rounding may change which boxes overlap.
    answer_equal = not golden.answer or _are_equal(golden.answer, decode(golden.outputs) if decode else {})
    digests = prepared_digests(golden.inputs, [info.name for info in model.inputs], preprocessing)
    prepared_equal = not golden.prepared or _are_equal(golden.prepared, digests)
    within = all(bool((error <= limit).all()) for error, limit in zip(errors, golden.tolerance))
    return GoldenReport(
        interpreter=f"{model.interpreter} {model.interpreter_version}",
        examples=len(errors[0]),
        max_error=tuple(float(error) for error in np.max(errors, axis=0)),
        tolerance=golden.tolerance,
        top1_equal=_same_classes(model, outputs, golden.outputs),
        passed=within and answer_equal and prepared_equal,
        answer_equal=answer_equal,
        prepared_equal=prepared_equal,
    )


def _are_equal(expected: Mapping[str, np.ndarray], received: Mapping[str, np.ndarray]) -> bool:
    """Whether two answers are equal, except for the last bits of their values."""
    return expected.keys() == received.keys() and all(
        received[name].shape == values.shape
        and np.allclose(received[name], values, rtol=_ANSWER_RELATIVE, atol=_ANSWER_ABSOLUTE, equal_nan=True)
        for name, values in expected.items()
    )


def _same_classes(
    model: GoldenModel, outputs: Sequence[np.ndarray], expected: Sequence[np.ndarray]
) -> tuple[bool, ...]:
    same = np.ones(len(outputs[0]), bool)
    for info, output, wanted in zip(model.outputs, outputs, expected):
        kind = model.task.outputs[info.name]
        if kind.name == CLASSES:
            first, second = (predicted_classes(probabilities(each, kind.is_logit)) for each in (output, wanted))
            equal = first == second
            same &= equal.reshape(len(same), -1).all(1)
    return tuple(same.tolist())


def golden_outputs(
    model: GoldenModel, inputs: Sequence[np.ndarray], preprocessing: Mapping[str, GoldenInput]
) -> list[np.ndarray]:
    """The real values of each output (N, …) for inputs in the format of :class:`GoldenExamples`."""
    if len(inputs) != len(model.inputs):
        raise ModelFileError("The golden examples packed into the model belong to another model.")
    given = model_values(inputs, [info.name for info in model.inputs], preprocessing)
    predictions = []
    for number in range(len(given[0])):
        try:
            prediction = model.predict_named({info.name: array[number] for info, array in zip(model.inputs, given)})
        except TensorMismatchError as error:
            raise ModelFileError(
                "The golden examples packed into the model do not match its inputs.", received=error.problem
            ) from error
        predictions.append([prediction[info.name] for info in model.outputs])
    return [np.stack(values) for values in zip(*predictions)]


def model_values(
    inputs: Sequence[np.ndarray], names: Sequence[str], preprocessing: Mapping[str, GoldenInput]
) -> list[np.ndarray]:
    """Convert golden inputs to the values the model was trained on; inputs without preprocessing are unchanged.

    Args:
        inputs: Arrays (N, ...): uint8 pixels for images, raw examples for inputs with a ``RawInput``.
        names: Names of the inputs, in the same order.
        preprocessing: How an input is prepared, by input name; under ``UNNAMED`` for the only input.
    """
    values = []
    for name, array in zip(names, inputs):
        how = preprocessing.get(name) or preprocessing.get(UNNAMED)
        values.append(array if how is None else how.golden_values(array))
    return values


def prepared_digests(
    inputs: Sequence[np.ndarray], names: Sequence[str], preprocessing: Mapping[str, GoldenInput]
) -> dict[str, np.ndarray]:
    """Digests of the golden inputs that are prepared from recordings or strings.

    Args:
        inputs: Arrays (N, ...), as for :func:`model_values`.
        names: Names of the inputs, in the same order.
        preprocessing: How an input is prepared, by input name.
    Returns:
        Weighted sums of the prepared values, float64 (N, 8), by ``PREPARED_PREFIX`` and the number of the input.
    """
    digests = {}
    for number, (name, array) in enumerate(zip(names, inputs)):
        how = preprocessing.get(name)
        # Images are covered by their own golden pixels; only raw inputs can be stored as such.
        if how is None or not hasattr(how, "as_golden"):
            continue
        values = how.golden_values(array)
        if values is not array and values.dtype.kind in "biuf":
            rows = _rows(values)
            weights = np.arange(rows.shape[1]) % 11 + 1.0
            parts = np.array_split(rows * weights, _DIGEST_VALUES, axis=1)
            digests[f"{PREPARED_PREFIX}{number}"] = np.stack([part.sum(1) for part in parts], axis=1)
    return digests


def _count(names: Sequence[str], kind: str) -> int:
    return sum(name.startswith(f"{kind}_") for name in names)


def _tolerance(values: np.ndarray) -> tuple[float, ...]:
    if values.dtype.kind not in "iuf" or values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("its tolerance is not a list of finite real numbers")
    return tuple(float(value) for value in values)


def _rows(array: np.ndarray) -> np.ndarray:
    """One row of float64 per example; a complex number becomes its real and imaginary parts."""
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    return np.asarray(array, np.float64).reshape(len(array), -1)
