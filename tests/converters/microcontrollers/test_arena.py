"""The estimate of the tensor arena, against tflite-micro's own allocator."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit_converters.microcontrollers.arena import estimate_arena_bytes
from edgekit_runtime.tflite.description import (
    ModelDescription,
    OperatorDescription,
    SubgraphDescription,
    TensorDescription,
)
from edgekit_runtime.tflite.structure import read_model_description

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"

#: What TFLite Micro says of itself goes to the process's stderr, past Python.
MEASURE = """
import sys, numpy as np
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=50_000_000)
interpreter.print_allocations()
"""


@pytest.mark.parametrize(
    "name",
    [
        "cnn_float32",
        "cnn_float32_batch4",
        "cnn_int8_io_float32",
        "cnn_int8_io_int8",
        "cnn_int8_io_uint8",
        "dense_float32",
        "fused_lstm_batch1",
        "lstm_batch1",
        "two_in_two_out",
    ],
)
def test_the_estimate_is_above_what_tflite_micro_takes_and_not_far_above(name: str) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this Python and machine")
    file = TFLITE / f"{name}.tflite"
    done = subprocess.run([sys.executable, "-c", MEASURE, str(file)], capture_output=True, text=True, check=True)
    measured = int(re.search(r"Arena allocation total (\d+) bytes", done.stdout + done.stderr)[1])
    estimate = estimate_arena_bytes(read_model_description(file.read_bytes()))
    assert measured <= estimate <= 2 * measured


def tensor(index: int, size: int) -> TensorDescription:
    return TensorDescription(index, "", (size,), (size,), "int8", (), (), 0, 0, False, False)


def chain(*sizes: int) -> ModelDescription:
    """A model whose operators each turn one tensor into the next."""
    tensors = tuple(tensor(index, size) for index, size in enumerate(sizes))
    operators = tuple(OperatorDescription("RELU", 1, "", (i,), (i + 1,)) for i in range(len(sizes) - 1))
    graph = SubgraphDescription("", tensors, operators, (0,), (len(sizes) - 1,))
    return ModelDescription(0, "", (graph,), (), ())


@pytest.mark.parametrize(
    ("sizes", "values"),
    [
        # Neighbours live at the same time, others do not.
        ((1600, 800, 1600), 2400),
        ((1600, 1600), 3200),
        # 800 and 800 go where 1600 was, beside the other 1600.
        ((1600, 1600, 800, 800), 3200),
        # Sizes are rounded up to 16 bytes.
        ((1, 1), 32),
    ],
    ids=str,
)
def test_values_share_memory_where_they_do_not_live_together(sizes: tuple[int, ...], values: int) -> None:
    kept = 24 * len(sizes) + (64 + 128) * (len(sizes) - 1) + (64 + 32) * 2
    assert estimate_arena_bytes(chain(*sizes)) == values + math.ceil(kept / 16) * 16 + 1024
