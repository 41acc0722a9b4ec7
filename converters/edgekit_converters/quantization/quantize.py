"""A float32 .tflite to a quantized one."""

from __future__ import annotations

import contextlib
import io as text_io
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgekit_converters.quantization.io_types import to_uint8_io
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_converters.quantization.recipes import recipe_for
from edgekit_runtime.errors import ConversionError, UsageError
from edgekit_runtime.structure import read_model_description

#: One sample: the value of every input by its name in the signature, batch axis of length 1.
Sample = dict[str, np.ndarray]


def quantize(
    model: bytes,
    mode: Mode,
    *,
    io: IoType = IoType.FLOAT32,
    representative_dataset: Sequence[Sample] | None = None,
) -> bytes:
    """Quantize a float32 model; the same arguments give the same bytes.

    Args:
        model: A float32 FlatBuffer with one signature.
        mode: What becomes an integer.
        io: Type of inputs and outputs; integers only with ``Mode.INT8``.
        representative_dataset: Real inputs; ``Mode.INT8`` measures the activations' ranges on them.
    Raises:
        UsageError: ``io`` does not go with ``mode``, or int8 is asked for without data.
        ConversionError: The quantizer cannot handle the model.
    """
    require_possible(mode, io, has_data=bool(representative_dataset))
    if mode is Mode.NONE:
        return model
    from litert_quantizer import quantizer

    with _quiet():
        recipe = recipe_for(mode, io, _loop_tensors(model))
        ranges = _calibrate(model, recipe, representative_dataset or ()) if mode.needs_calibration else None
        try:
            worker = quantizer.Quantizer(model, recipe)
            result = worker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
        except (ValueError, RuntimeError, KeyError, IndexError, NotImplementedError) as error:
            raise ConversionError(
                f"The model could not be quantized as {mode.value}.",
                received=str(error)[:300],
                next_step="try --quantize dynamic or float16, which leave the activations in float",
            ) from error
    quantized = bytes(result.quantized_model)
    return to_uint8_io(quantized) if io is IoType.UINT8 else quantized


def require_possible(mode: Mode, io: IoType, *, has_data: bool) -> None:
    """Refuse options that do not go together, before any work is done.

    Raises:
        UsageError: Integer inputs without int8 arithmetic, or int8 without data.
    """
    if io is not IoType.FLOAT32 and mode is not Mode.INT8:
        raise UsageError(
            f"--io {io.value} does not go with --quantize {mode.value}: only int8 models have integer inputs.",
            next_step=f"use --quantize int8 --io {io.value}, or leave --io out",
        )
    if mode.needs_calibration and not has_data:
        raise UsageError(
            "int8 needs data: the ranges of the activations are measured on real inputs.",
            expected="--data with some hundred inputs like those the model will see",
            received="no --data",
            next_step="pass --data digits, an .npz or a folder of images, or use --quantize dynamic, which needs none",
        )


def _calibrate(model: bytes, recipe: list[dict[str, Any]], samples: Sequence[Sample]) -> dict[str, Any]:
    """Measure the range of every activation: the smallest and the largest value over all samples.

    litert-quantizer's own default, a moving average of the ranges of single samples, forgets rare peaks and would
    cut the pixel 255 of an image model.
    """
    from litert_quantizer.calibrator import CalibrationMode, Calibrator
    from litert_quantizer.recipe_manager import RecipeManager
    from litert_quantizer.utils.qsv_utils import min_max_update

    signatures = [signature.key for signature in read_model_description(model).signatures]
    if len(signatures) != 1:
        raise ConversionError(
            "Only a model with one signature can be quantized as int8.",
            received=f"{len(signatures)} signatures: {', '.join(signatures)}",
        )
    rules = RecipeManager()
    rules.load_quantization_recipe(recipe)
    calibrator = Calibrator(
        model,
        num_threads=os.cpu_count() or 1,
        # The same ranges as by reading every tensor in Python, seven times as fast, and it sees into loops.
        mode=CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=min_max_update,
    )
    calibrator.calibrate({signatures[0]: samples}, rules)
    return {name: _with_a_range(values) for name, values in calibrator.get_model_qsvs().items()}


def _with_a_range(values: dict[str, Any]) -> dict[str, Any]:
    """Give a tensor that was 0 in every sample, such as a dead ReLU's, a range: a scale of 0 is none.

    The range is small, since int8 kernels abort where an input's scale is far above the output's; and not smaller,
    since a layer's bias is stored in steps of its input's scale and must fit 32 bits.
    """
    if not values or np.any(values["min"]) or np.any(values["max"]):
        return values
    return {**values, "max": np.full_like(values["max"], 1e-3)}


def _loop_tensors(model: bytes) -> list[str]:
    """Names of the tensors in all graphs but the model's own: conditions and bodies of its loops."""
    loops = read_model_description(model).subgraphs[1:]
    return list(dict.fromkeys(tensor.name for graph in loops for tensor in graph.tensors if tensor.name))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep litert-quantizer's own progress bars and debugging warnings off the terminal."""
    with contextlib.redirect_stderr(text_io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
