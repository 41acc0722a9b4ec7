"""Calibration on 500 images of the reference CNN against litert-quantizer's own loop, in one process.

``python benchmarks/calibration.py [DATA] [--json]``: DATA is a data set of at least 500 images of 28 × 28 (default:
digits). Ours reads, normalizes and checks every image; the peer is handed ready arrays. The peer's loop is run in its
default mode, which reads every tensor in Python, and in its faster mode, which ours uses, too.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from litert_quantizer import recipe
from litert_quantizer.calibrator import CalibrationMode, Calibrator
from litert_quantizer.recipe_manager import RecipeManager
from litert_quantizer.utils.qsv_utils import min_max_update
from ratios import report, time_in_turn

from edgekit.datasets.opening import DataRequest, open_data
from edgekit.datasets.streams import ExampleStream
from edgekit_converters.lowering import LoweredModel, LoweringRequest, lower
from edgekit_converters.quantization.calibration import calibrate

IMAGES = 500
#: The largest ratio that the project promises.
TARGET = 1.3

# In a process of its own: TensorFlow's threads and allocator stay out of the timings.
MAKE_MODEL = """
import sys
from edgekit.training.reference_cnn import build
build((28, 28, 1), 10).save(sys.argv[1])
"""


def ours(lowered: LoweredModel, stream: ExampleStream) -> Callable[[], None]:
    """What ``edgekit convert`` does once it has looked at the data: read, normalize, check, measure."""

    def run() -> None:
        samples = (
            {name: values[row : row + 1] for name, values in batch.inputs.items()}
            for batch in stream.batches(32)
            for row in range(len(batch))
        )
        assert calibrate(lowered.model, samples).samples == IMAGES

    return run


def bare(lowered: LoweredModel, images: np.ndarray, mode: CalibrationMode) -> Callable[[], None]:
    """litert-quantizer's calibrator on arrays that are ready."""
    samples = [{lowered.inputs[0].name: images[row : row + 1]} for row in range(IMAGES)]
    rules = RecipeManager()
    rules.load_quantization_recipe(recipe.static_wi8_ai8())

    def run() -> None:
        calibrator = Calibrator(
            lowered.model.content, num_threads=os.cpu_count() or 1, mode=mode, qsv_update_func=min_max_update
        )
        with contextlib.redirect_stderr(io.StringIO()):
            calibrator.calibrate({"serving_default": samples}, rules)

    return run


def main() -> None:
    data = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "digits")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.h5"
        subprocess.run([sys.executable, "-c", MAKE_MODEL, str(model)], check=True, capture_output=True)
        lowered = lower(LoweringRequest(model))
    stream = open_data(DataRequest(data), lowered.inputs).calibration.sample(IMAGES, seed=0)
    images = np.concatenate([batch.inputs[lowered.inputs[0].name] for batch in stream.batches(32)])
    modes = {
        "its default mode": CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        "its faster mode": CalibrationMode.CALIBRATION_PROFILER_BASED,
    }
    report(
        [
            time_in_turn(
                f"calibration on {IMAGES} images, whole path / litert-quantizer's loop, {name}",
                ours(lowered, stream),
                bare(lowered, images, mode),
                target=TARGET,
                runs=5 if mode is CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS else 31,
            )
            for name, mode in modes.items()
        ]
    )


if __name__ == "__main__":
    main()
