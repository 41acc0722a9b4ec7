"""Runs a float model on real inputs and measures the range of every activation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from edgekit_converters.quantization.quiet_quantizer import quiet
from edgekit_converters.quantization.ranges import Ranges
from edgekit_converters.quantization.samples import Sample, SampleCheck
from edgekit_runtime.errors import ConversionError, DataError, UsageError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Largest number of samples in a group, and its approximate size in bytes.
_SAMPLES_AT_ONCE = 256
_BYTES_AT_ONCE = 32_000_000
#: Extremes of single samples are kept for at most this many samples.
_LARGEST_HISTORY = 1024


def calibrate(
    model: TfliteModel, samples: Iterable[Sample], *, progress: Callable[[int], None] | None = None
) -> Ranges:
    """Measure the range of every activation of a float32 model.

    Memory does not grow with the number of samples: they are read from the iterable once, in small groups.

    Args:
        model: A float32 model with one signature.
        samples: Real inputs: the value of every input by its name in the signature, including the batch axis.
        progress: Called after each small group with the number of samples run since the last call.
    Raises:
        DataError: A sample contains NaN or infinity, or the model computes one from it.
        TensorMismatchError: A sample's names, shapes or types do not match the model's inputs.
        UsageError: There are no samples.
        ConversionError: The model has several signatures or is already quantized.
    """
    description = model.description
    require_float(description)
    _require_one_signature(description)
    check = SampleCheck(description)
    history = _History()
    runner = _Runner(model.content, description.signatures[0].key, history)
    for group in _groups(check(sample) for sample in samples):
        # Progress bars and messages of the caller, in its iterable and in ``progress``, stay visible.
        with quiet():
            runner.run(group)
        if progress is not None:
            progress(len(group))
    return history.ranges()


def _groups(samples: Iterable[dict[str, np.ndarray]]) -> Iterator[list[dict[str, np.ndarray]]]:
    """Cut a stream into groups, at most two of which are in memory."""
    group: list[dict[str, np.ndarray]] = []
    size_bytes = 0
    for sample in samples:
        group.append(sample)
        size_bytes += sum(value.nbytes for value in sample.values())
        if len(group) == _SAMPLES_AT_ONCE or size_bytes >= _BYTES_AT_ONCE:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group


class _Runner:
    """litert-quantizer's calibrator, run on one group of samples at a time."""

    def __init__(self, model: bytes, signature_key: str, history: _History) -> None:
        from litert_quantizer.calibrator import CalibrationMode, Calibrator
        from litert_quantizer.recipe_manager import RecipeManager

        with quiet():
            self._calibrator = Calibrator(
                model,
                num_threads=os.cpu_count() or 1,
                # Measures the same ranges as reading every tensor in Python, eight times as fast, and also in loops.
                mode=CalibrationMode.CALIBRATION_PROFILER_BASED,
            )
        self._no_rules = RecipeManager()
        self._signature_key = signature_key
        self._history = history

    def run(self, group: Sequence[Sample]) -> None:
        try:
            self._calibrator.calibrate({self._signature_key: _Group(group, self._keep_extremes)}, self._no_rules)
        except (RuntimeError, ValueError) as error:
            raise DataError(
                "The model cannot compute the calibration data.",
                expected="values as in training: indices within the vocabulary, for example",
                received=_cause(error),
                next_step="check the data, or leave --random-calibration out and pass real inputs with --data",
            ) from error

    def _keep_extremes(self) -> None:
        """Record the extremes of the sample that was just run, before the calibrator merges in the next one's."""
        extremes = self._calibrator.get_model_qsvs()
        if extremes:
            self._history.add(extremes)
            self._calibrator.reset_model_qsvs()


def _cause(error: Exception) -> str:
    """The interpreter's message without the part about its profiler."""
    said = str(error).replace("failed to get XNNPACK profile information.", " ")
    return " ".join(said.split())[-200:] or type(error).__name__


class _Group:
    """Samples that can be iterated repeatedly (the calibrator counts them first); ``done`` is called after each."""

    def __init__(self, samples: Sequence[Sample], done: Callable[[], None]) -> None:
        self._samples = samples
        self._done = done

    def __iter__(self) -> Iterator[Sample]:
        for sample in self._samples:
            yield sample
            self._done()


class _History:
    """Extremes over all samples, and those of single samples spread evenly over them."""

    def __init__(self) -> None:
        self._samples = 0
        self._names: list[str] = []
        self._lowest = np.empty(0)
        self._highest = np.empty(0)
        self._rows: list[np.ndarray] = []
        self._stride = 1

    def add(self, extremes: dict[str, dict[str, np.ndarray]]) -> None:
        """Add one sample's extremes: ``{"min": (1,), "max": (1,)}`` by tensor name."""
        values = np.array(
            [[one["min"].item() for one in extremes.values()], [one["max"].item() for one in extremes.values()]]
        )
        row = values if list(extremes) == self._names else self._in_order_of_names(extremes, values)
        np.fmin(self._lowest, row[0], out=self._lowest)
        np.fmax(self._highest, row[1], out=self._highest)
        if self._samples % self._stride == 0:
            self._rows.append(row)
        self._samples += 1
        if len(self._rows) > _LARGEST_HISTORY:
            del self._rows[1::2]
            self._stride *= 2

    def _in_order_of_names(self, names: Iterable[str], values: np.ndarray) -> np.ndarray:
        """One sample's extremes in the order of all tensors so far; it may lack some of these and add others."""
        by_name = dict(zip(names, values.T, strict=True))
        self._names += [name for name in by_name if name not in self._names]
        more = np.full(len(self._names) - len(self._lowest), np.nan)
        self._lowest = np.concatenate([self._lowest, more])
        self._highest = np.concatenate([self._highest, more])
        absent = np.full(2, np.nan)
        return np.array([by_name.get(name, absent) for name in self._names]).T

    def ranges(self) -> Ranges:
        """Return the measured ranges.

        Raises:
            UsageError: Nothing was measured.
            DataError: An activation is not finite.
        """
        if not self._samples:
            raise UsageError("Calibration needs at least one sample.", next_step="pass a few hundred real inputs")
        limits = dict(zip(self._names, zip(self._lowest.tolist(), self._highest.tolist(), strict=True), strict=True))
        for name, (low, high) in limits.items():
            if not np.isfinite((low, high)).all():
                raise DataError(
                    f"The model computes values that are not finite, in tensor {name}.",
                    received=f"{low:g} to {high:g} on the calibration data",
                    next_step="check that the data is scaled as in training, and what the float model predicts for it",
                )
        # A tensor that was first reached by a later sample is missing from the earlier rows.
        history = np.full((len(self._rows), 2, len(self._names)), np.nan)
        for number, row in enumerate(self._rows):
            history[number, :, : row.shape[1]] = row
        return Ranges(self._samples, limits, history[:, 0], history[:, 1])


def require_float(description: ModelDescription) -> None:
    """Reject a model that is already quantized.

    Raises:
        ConversionError: A tensor has a scale or is float16.
    """
    for graph in description.subgraphs:
        for tensor in graph.tensors:
            if tensor.scales or tensor.dtype == "float16":
                raise ConversionError(
                    "The model is quantized already, at least in part.",
                    expected="a float32 .tflite, as --quantize none makes it",
                    received=f"{tensor.dtype} in tensor {tensor.name}",
                    next_step="quantize the float model that it was made from",
                )


def _require_one_signature(description: ModelDescription) -> None:
    if len(description.signatures) != 1:
        keys = ", ".join(signature.key for signature in description.signatures)
        raise ConversionError(
            "Only a model with one signature can be calibrated.",
            received=f"{len(description.signatures)} signatures: {keys}",
        )
