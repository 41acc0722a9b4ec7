"""Size and latency of each mode against float32: a trained or untrained reference CNN on LiteRT, one thread.

``python benchmarks/quantized_latency.py [MODEL.h5 DATA] [--json]``: without them, an untrained CNN calibrated on the
built-in digits, which is as large and as fast as a trained one. The promise is for int8 with int8 ends: what a device
feeds it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from ratios import report, row, time_in_turn

from edgekit.conversion import ConversionOptions, convert
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import IoType, Mode
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.interpreters.interface import Interpreter
from edgekit_runtime.tflite.structure import read_model_description

INVOKES = 500
ROUNDS = 31
#: What the project promises of int8: the largest ratios to float32.
LATENCY_TARGET, SIZE_TARGET = 0.5, 0.29

MAKE_MODEL = """
import sys
from edgekit.training.reference_cnn import build
build((28, 28, 1), 10).save(sys.argv[1])
"""


class Invoked:
    """A bare interpreter that sets, invokes and gets one image again and again."""

    def __init__(self, model: bytes) -> None:
        description = read_model_description(model)
        self._interpreter: Interpreter = choose_interpreter().create(model, num_threads=1)
        self._input, self._output = description.inputs[0].index, description.outputs[0].index
        self._image = np.zeros((1, 28, 28, 1), description.inputs[0].dtype)

    def __call__(self) -> None:
        for _ in range(INVOKES):
            self._interpreter.set_tensor(self._input, self._image)
            self._interpreter.invoke()
            self._interpreter.get_tensor(self._output)


def variants(model: Path, data: str, folder: Path) -> dict[str, bytes]:
    """Every mode with its smallest ends, float32 first."""
    made: dict[str, bytes] = {}
    for io in (IoType.FLOAT32, IoType.INT8, IoType.UINT8, IoType.INT16):
        outputs = {mode: folder / f"{mode.value}-{io.value}.tflite" for mode in Mode if io in mode.io_types}
        convert(LoweringRequest(model), outputs, ConversionOptions(io=io, data=data))
        made |= {f"{mode.value}, {io.value} in and out": path.read_bytes() for mode, path in outputs.items()}
    return made


def main() -> None:
    given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    with tempfile.TemporaryDirectory() as folder:
        model, data = (Path(given[0]), given[1]) if len(given) == 2 else (Path(folder) / "model.h5", "digits")
        if len(given) != 2:
            subprocess.run([sys.executable, "-c", MAKE_MODEL, str(model)], check=True, capture_output=True)
        models = variants(model, data, Path(folder))
    (_, float_model), *others = models.items()
    latencies = [
        time_in_turn(
            f"{INVOKES} × set, invoke, get: {name} / float32",
            Invoked(each),
            Invoked(float_model),
            # The other modes are shown for comparison; nothing is promised.
            target=LATENCY_TARGET if name.startswith("int8, int8") else None,
            runs=ROUNDS if name.startswith("int8") else 5,
        )
        for name, each in others
    ]
    sizes = {name: len(each) / len(float_model) for name, each in others}
    if "--json" in sys.argv[1:]:
        print(json.dumps([row(latency) for latency in latencies] + size_rows(sizes), indent=1))
        return
    report(latencies)
    report_sizes(sizes)


def size_rows(ratios: dict[str, float]) -> list[dict[str, object]]:
    """The files' sizes, packed as a device gets them, relative to float32's."""
    return [
        {
            "what": f"size: {name} / float32",
            "ratio": ratio,
            "target": SIZE_TARGET if name.startswith("int8") else None,
        }
        for name, ratio in ratios.items()
    ]


def report_sizes(ratios: dict[str, float]) -> None:
    """Print them as a table."""
    print("\n| size of the file | ratio to float32 | at most |\n|---|---|---|")
    for name, ratio in ratios.items():
        print(f"| {name} | {ratio:.3f} | {SIZE_TARGET if name.startswith('int8') else ''} |")


if __name__ == "__main__":
    main()
