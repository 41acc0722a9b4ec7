"""A checked exported program in PyTorch: as a module with the argument names of ``forward()``, and as a runner."""

from __future__ import annotations

import inspect
import io
import math
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgekit_converters.exported_programs.program import Program, ProgramTensor, archive_for_pytorch
from edgekit_runtime.errors import ConversionError

#: Most values in one tensor, 1 GB of float32: more than any device that the .tflite is meant for can hold.
MAX_ELEMENTS = 1 << 28
_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def named_module(program: Program, *, channels_last: bool) -> Any:
    """Make a module of the program that takes its inputs by name and returns its outputs as a dict.

    Args:
        program: The program as read and checked; PyTorch reads an archive newly written from it, never the file.
        channels_last: Make images, and four-dimensional outputs, (N, H, W, C).
    """
    import torch

    loaded = torch.export.load(_archive(program)).module()
    count = len(program.inputs) + len(program.constants)

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.program = loaded
            # A loaded program rejects train() and eval(); operators in training mode have already been switched.
            self.training = False

    # The tensors of the .tflite are named after the class.
    Named.__module__, Named.__qualname__ = "torch", "Program"
    module = Named()

    def forward(*positional: Any, **named: Any) -> dict[str, Any]:
        values = list(positional) or [named[each.name] for each in program.inputs]
        if channels_last:
            images = [each.is_channels_first_image for each in program.inputs]
            values = [x.permute(_TO_CHANNELS_FIRST) if image else x for x, image in zip(values, images, strict=True)]
        given = iter(values)
        results = module.program(
            *(program.constants[n] if n in program.constants else next(given) for n in range(count))
        )
        tensors = [result for result in results if isinstance(result, torch.Tensor)]
        if channels_last:
            tensors = [x.permute(_TO_CHANNELS_LAST) if x.ndim == 4 else x for x in tensors]
        return dict(zip((each.name for each in program.outputs), tensors, strict=True))

    parameters = [inspect.Parameter(each.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in program.inputs]
    # PyTorch reads the names of a module's inputs from its signature.
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    module.forward = forward
    return module


def _archive(program: Program) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in archive_for_pytorch(program):
            archive.writestr(f"program/{name}", content)
    buffer.seek(0)
    return buffer


def sizes_of(tensor: ProgramTensor, *, channels_last: bool) -> tuple[int, ...]:
    """The sizes of an input as the module expects it."""
    if channels_last and tensor.is_channels_first_image:
        return tuple(tensor.shape[axis] for axis in _TO_CHANNELS_LAST)
    return tensor.shape


def example_inputs(program: Program, *, channels_last: bool, batch: int | None = None) -> dict[str, Any]:
    """Make inputs of the sizes that the program was exported with, all zero, which is a valid index for every table.

    Args:
        program: The program.
        channels_last: As in ``named_module``.
        batch: Size of the dynamic batch; None uses that of the export.
    """
    import torch

    inputs = {}
    for each in program.inputs:
        sizes = sizes_of(each, channels_last=channels_last)
        if batch is not None:
            sizes = (batch, *sizes[1:])
        if math.prod(sizes) > MAX_ELEMENTS:
            raise too_large(program, f"the input {each.name} of shape {sizes}")
        inputs[each.name] = torch.zeros(sizes, dtype=getattr(torch, each.dtype))
    return inputs


def require_bounded(program: Program, module: Any, inputs: Mapping[str, Any]) -> None:
    """Reject a program that computes a huge tensor; only sizes are computed to find out."""
    import torch

    traced = torch.export.export(module, (), dict(inputs), strict=False)
    for node in traced.graph.nodes:
        values = node.meta.get("val")
        for value in values if isinstance(values, (tuple, list)) else (values,):
            if isinstance(value, torch.Tensor) and value.numel() > MAX_ELEMENTS:
                raise too_large(program, f"a tensor of shape {tuple(value.shape)}, computed by {node.target}")


def too_large(program: Program, what: str) -> ConversionError:
    """Return the error for a tensor that is too large for any device."""
    return ConversionError(
        f"{program.path.name} needs {what}.",
        expected=f"at most {MAX_ELEMENTS} values in a tensor",
        next_step="export it with smaller example inputs",
    )


def runner(
    program: Program, module: Any, batch: int | None
) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Make a function that runs the program on any number of examples, (N, ...) by name.

    Args:
        program: The program.
        module: Result of ``named_module``.
        batch: Number of examples per call; None for any number, 0 for values without a batch axis, whose first axis
            then counts calls.
    """
    import torch

    types = {each.name: getattr(torch, each.dtype) for each in program.inputs}

    def answer(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.no_grad():
            tensors = {name: torch.from_numpy(np.ascontiguousarray(values[name])).to(types[name]) for name in types}
            outputs = module(**tensors)
        return {name: (x.float() if x.dtype == torch.bfloat16 else x).numpy() for name, x in outputs.items()}

    def run(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if batch is None:
            return answer(values)
        count, parts = len(next(iter(values.values()))), []
        for start in range(0, count, batch or 1):
            if batch:
                results = answer({name: _filled(array[start : start + batch], batch) for name, array in values.items()})
                parts.append({name: array[: count - start] for name, array in results.items()})
            else:
                results = answer({name: array[start] for name, array in values.items()})
                parts.append({name: array[np.newaxis] for name, array in results.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return run


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """Repeat the last row of the array up to ``size`` rows."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
