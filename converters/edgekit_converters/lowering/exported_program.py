"""Converts a PyTorch exported program (``.pt2``) to a float32 .tflite with litert-torch, after reading and checking it.

PyTorch's own loader runs code from such a file: compiled packages, pickled weights, guards, and operators named by any
path below ``torch``. It is given a newly written archive of the checked content instead, see
:mod:`edgekit_converters.exported_programs`.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters.exported_programs.program import Program, read_program
from edgekit_converters.lowering.converter_errors import explain
from edgekit_converters.lowering.open_batch import with_open_batch
from edgekit_converters.lowering.torch_module import (
    example_inputs,
    named_module,
    require_bounded,
    runner,
)
from edgekit_converters.own_models import parse_lowered
from edgekit_runtime.errors import ConversionError, EdgekitError
from edgekit_runtime.tflite.description import ModelDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Two batch sizes: a value that differs between the models lowered for them depends on the batch.
_BATCHES = (2, 3)


@dataclass(frozen=True, slots=True)
class LoweredProgram:
    """A lowered program.

    Attributes:
        model: The float32 .tflite.
        batch: "dynamic", or "as exported".
        channels_first: Whether its images are (N, C, H, W).
        notes: Sentences for the user.
        warnings: Sentences about what is probably unintended.
        run: Runs the program in PyTorch on values (N, ...) by input name.
    """

    model: TfliteModel
    batch: str
    channels_first: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    run: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def lower_exported_program(path: Path, *, channels_last: bool = False, fixed_batch: bool = False) -> LoweredProgram:
    """Lower a program, with any batch size if it was exported so; other sizes are those of its example inputs.

    Args:
        path: The file.
        channels_last: Make images, and four-dimensional outputs, (N, H, W, C).
        fixed_batch: Fix a dynamic batch at 1, for a runtime that cannot change shapes.
    Raises:
        ConversionError: litert-torch is not installed, or an operator has no TFLite form.
        ModelFileError: The file is damaged.
        UnsafeModelError: The file contains code, or something that PyTorch would run as code.
    """
    program = read_program(path)
    try:
        import litert_torch  # noqa: F401
    except ImportError as error:
        raise ConversionError(
            f"{path.name} is a PyTorch program, and litert-torch, which converts these, is not installed.",
            received=str(error),
            next_step="pip install 'edgekit[torch]'",
        ) from error
    try:
        module = named_module(program, channels_last=channels_last)
        require_bounded(program, module, example_inputs(program, channels_last=channels_last))
        open_model = None if fixed_batch else _lower_with_open_batch(program, module, channels_last)
        model = open_model or _lower_with_fixed_batch(program, module, channels_last)
    except EdgekitError:
        raise
    except Exception as error:
        # Both libraries raise errors of any type.
        raise explain(error, path.name) from error
    channels_first = not channels_last and any(each.is_channels_first_image for each in program.inputs)
    return LoweredProgram(
        model=model,
        batch="dynamic" if open_model else "as exported",
        channels_first=channels_first,
        notes=_notes(program, is_fixed=open_model is None and not fixed_batch, channels_first=channels_first),
        warnings=program.warnings,
        run=runner(program, module, _batch_of(model.description)),
    )


def _lower_with_open_batch(program: Program, module: Any, channels_last: bool) -> TfliteModel | None:
    """The model for any batch; None if the program has a fixed one, or not all operators can follow it."""
    symbol = program.batch_symbol
    if symbol is None or any(each.symbols[:1] != (symbol,) for each in program.outputs):
        return None
    try:
        models = [
            _convert(module, example_inputs(program, channels_last=channels_last, batch=batch)) for batch in _BATCHES
        ]
    # The export does not allow such a batch, or litert-torch cannot convert it.
    except Exception:
        return None
    return with_open_batch(*models, batches=_BATCHES, reference=runner(program, module, None))


def _lower_with_fixed_batch(program: Program, module: Any, channels_last: bool) -> TfliteModel:
    """The model for one example if the export allows that, otherwise for the batch of the example inputs."""
    if program.batch_symbol is not None:
        with contextlib.suppress(Exception):
            return parse_lowered(_convert(module, example_inputs(program, channels_last=channels_last, batch=1)))
    return parse_lowered(_convert(module, example_inputs(program, channels_last=channels_last)))


def _batch_of(description: ModelDescription) -> int | None:
    """Number of examples per call: None for any number, 0 if inputs and outputs have no batch in common."""
    first = {tensor.shape_signature[:1] for tensor in (*description.inputs, *description.outputs)}
    size = first.pop() if len(first) == 1 else ()
    return None if size == (-1,) else size[0] if size else 0


def _convert(module: Any, inputs: Mapping[str, Any]) -> bytes:
    import litert_torch

    edge_model = litert_torch.convert(module, sample_args=(), sample_kwargs=dict(inputs))
    with tempfile.TemporaryDirectory() as folder:
        edge_model.export(str(Path(folder) / "model.tflite"))
        return (Path(folder) / "model.tflite").read_bytes()


def _notes(program: Program, *, is_fixed: bool, channels_first: bool) -> tuple[str, ...]:
    notes = [program.note_on_open_sizes] if program.note_on_open_sizes else []
    if program.batch_symbol and is_fixed:
        notes.append(
            "The export left the batch dynamic, but not every operator supports that in TFLite: the batch is fixed."
        )
    if channels_first:
        notes.append(program.note_on_layout)
    return tuple(notes)
