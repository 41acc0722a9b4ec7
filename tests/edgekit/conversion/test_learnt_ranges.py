"""A file from quantization-aware training becomes int8 with the ranges that training left in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit_runtime.tflite.structure import read_model_description

TFMOT_FILE = Path(__file__).parents[2] / "data" / "tfmot" / "quantize_aware.h5"


def test_int8_has_the_scales_that_training_learnt(tmp_path: Path) -> None:
    examples = np.random.default_rng(5).standard_normal((64, 8, 8, 2)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=examples)
    output = tmp_path / "int8.tflite"
    command = [
        "convert",
        str(TFMOT_FILE),
        "--quantize",
        "int8",
        "--data",
        str(tmp_path / "data.npz"),
        "-o",
        str(output),
    ]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    assert "Of 4 ranges from quantization-aware training 2 are used" in " ".join(result.output.split())
    tensors = read_model_description(output.read_bytes()).tensors
    widths = {tensor.name: 255 * tensor.scales[0] for tensor in tensors if len(tensor.scales) == 1}
    at_input, at_relu = (
        next(width for name, width in widths.items() if part in name) for part in ("serving_default_x", "quant_relu")
    )
    # As h5py reads the ends from the file; below 0 a ReLU has nothing, whatever training had begun with.
    assert abs(at_input - (3.931778 + 3.548805)) < 1e-4
    assert abs(at_relu - 5.995378) < 1e-4
