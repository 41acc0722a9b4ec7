"""Limits the memory that a model may use: a file of 3 kB can describe tensors of any size.

There are three lines of defense, all in the child process of lowering. Variables are compared with what the file stores
before Keras allocates them (``keras_files/allocation``). Every tensor of the graph is measured before anything is
computed. The operating system rejects allocations that get past both.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

from edgekit_runtime.errors import ConversionError, ModelFileError

#: For any one tensor, at batch size 1: half the memory of a Raspberry Pi with 1 GB; `--max-memory` raises it.
DEFAULT_MAX_MEMORY = 512_000_000

#: Offsets in a FlatBuffer are signed 32-bit integers.
LARGEST_FLATBUFFER = 2**31 - 1

#: Memory that TensorFlow or PyTorch use in any case; each processor adds the stacks of its threads.
_BASE_BYTES = 6 << 30
_BYTES_PER_PROCESSOR = 64 << 20
#: Keras, TensorFlow and the converter keep copies of the weights, and of the constants that they compute.
_COPIES_OF_SOURCE = 16
_LARGEST_TENSORS = 4


def tensor_bytes(shape: Sequence[int | None], item_bytes: int) -> int:
    """Size of a tensor in bytes; dynamic axes count as 1."""
    return math.prod(axis for axis in shape if axis is not None and axis >= 0) * item_bytes


def require_tensor_within(
    max_memory: int, shape: Sequence[int | None], item_bytes: int, *, model: str, place: str
) -> None:
    """Reject a tensor that is larger than the limit.

    Args:
        max_memory: The limit in bytes.
        shape: Shape of the tensor; dynamic axes are None or negative.
        item_bytes: Size of one value in bytes.
        model: Name of the model in the message.
        place: What computes the tensor, such as ``"layer 'up_sampling2d'"``.
    Raises:
        ModelFileError: The tensor is larger than the limit.
    """
    size = tensor_bytes(shape, item_bytes)
    if size > max_memory:
        axes = ", ".join("?" if axis is None or axis < 0 else str(axis) for axis in shape)
        raise ModelFileError(
            f"{model}: {place} computes a tensor of shape ({axes}), which takes {_in_words(size)}.",
            expected=f"at most {_in_words(max_memory)} for any tensor",
            received=_in_words(size),
            next_step=f"if you trained this model yourself, raise the limit: --max-memory {_as_option(size)}",
        )


def require_fits_flatbuffer(values: int, *, model: str) -> None:
    """Reject a model whose float32 .tflite would exceed what a FlatBuffer can hold.

    Args:
        values: Number of values of all weights.
        model: Name of the model in the message.
    Raises:
        ConversionError: The message says what would fit.
    """
    float32_bytes = 4 * values
    if float32_bytes <= LARGEST_FLATBUFFER:
        return
    sizes = {"float16": 2 * values, "int8": values}
    fitting = [f"{mode} ({_in_words(size)})" for mode, size in sizes.items() if size <= LARGEST_FLATBUFFER]
    would_fit = f"{' or '.join(fitting)} would fit, but is made from the float32 file; " if fitting else ""
    raise ConversionError(
        f"{model} is too large for a .tflite in float32.",
        expected=f"weights of at most {_in_words(LARGEST_FLATBUFFER)}, the limit of a FlatBuffer",
        received=f"{values:,} values, {_in_words(float32_bytes)} in float32",
        next_step=f"{would_fit}convert the model in parts, or make it smaller",
    )


def source_bytes(path: Path) -> int:
    """Size of a source in bytes: a file, or all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def limit_own_memory(max_memory: int, source_size: int) -> None:
    """Make allocations of this process fail beyond what a model of this size can need.

    The limit applies to data, not address space: TensorFlow reserves gigabytes of addresses that it never uses. On
    systems without such a limit, nothing happens.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    processors = os.cpu_count() or 1
    wanted = _BASE_BYTES + processors * _BYTES_PER_PROCESSOR + _COPIES_OF_SOURCE * source_size
    wanted += _LARGEST_TENSORS * max_memory
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    # This is only the last line of defense: a system that does not support the limit does without it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or its cause, says that an allocation failed."""
    while error is not None:
        # Compared by name, to avoid importing TensorFlow.
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return True
        error = error.__cause__ or error.__context__
    return False


def out_of_memory(model: str, received: str = "") -> ConversionError:
    """Return the error for a failed allocation."""
    return ConversionError(
        f"Memory ran out while {model} was lowered.",
        received=received,
        next_step="convert on a machine with more memory; if that has enough, raise the limit: --max-memory 4G",
    )


def _in_words(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 10**9 else f"{size / 1e6:,.1f} MB"


def _as_option(size: int) -> str:
    return f"{-(-size // 10**9)}G"
