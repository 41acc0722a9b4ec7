"""Runs a model in a separate process, as on a device: ``python -m edgekit.devices.separate_process MODEL IMAGES.npy``.

This module imports only the device runtime, so that the child process never loads TensorFlow.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edgekit_runtime.errors import EdgekitError


@dataclass(frozen=True, slots=True)
class ProcessPredictions:
    """Predictions of the separate process.

    Attributes:
        classes: Index of the predicted class of each image.
        tensorflow_loaded: Whether TensorFlow was loaded in the process.
        interpreter: Name and version of the interpreter.
    """

    classes: tuple[int, ...]
    tensorflow_loaded: bool
    interpreter: str


def classify_in_separate_process(model: Path, images: Path) -> ProcessPredictions:
    """Classify images in a new process.

    Args:
        model: A .tflite.
        images: ``.npy`` of uint8 pixels (N, H, W, C).
    Raises:
        EdgekitError: The process failed.
    """
    command = [sys.executable, "-m", "edgekit.devices.separate_process", str(model), str(images)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EdgekitError(
            f"The runtime could not run {model.name} in a separate process.",
            received=done.stderr.strip()[-500:] or f"exit code {done.returncode}",
            next_step=f"run python -m edgekit_runtime info {model}",
        )
    report = json.loads(done.stdout)
    return ProcessPredictions(tuple(report["classes"]), report["tensorflow_loaded"], report["interpreter"])


def main(model_file: str, images_file: str) -> None:
    """Print the predictions as JSON; runs in the child process."""
    import numpy as np

    import edgekit_runtime

    model = edgekit_runtime.load(model_file)
    predictions = model.classify(np.load(images_file, allow_pickle=False))
    report = {
        "classes": [prediction.index for prediction in predictions],
        "tensorflow_loaded": "tensorflow" in sys.modules,
        "interpreter": f"{model.interpreter} {model.interpreter_version}",
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
