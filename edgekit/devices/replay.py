"""Runs a model in a separate process, as on a device: ``python -m edgekit.devices.replay MODEL IMAGES.npy``.

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
class Replay:
    """Predictions of the separate process.

    Attributes:
        classes: Index of the predicted class of each image.
        tensorflow_loaded: Whether TensorFlow was loaded in the process.
        interpreter: Name and version of the interpreter.
    """

    classes: tuple[int, ...]
    tensorflow_loaded: bool
    interpreter: str


def replay(model: Path, images: Path) -> Replay:
    """Classify images in a new process.

    Args:
        model: A .tflite.
        images: ``.npy`` of uint8 pixels (N, H, W, C).
    Raises:
        EdgekitError: The process failed.
    """
    command = [sys.executable, "-m", "edgekit.devices.replay", str(model), str(images)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EdgekitError(
            f"The runtime could not run {model.name} in a separate process.",
            received=done.stderr.strip()[-500:] or f"exit code {done.returncode}",
            next_step=f"run python -m edgekit_runtime info {model}",
        )
    answer = json.loads(done.stdout)
    return Replay(tuple(answer["classes"]), answer["tensorflow_loaded"], answer["interpreter"])


def main(model_file: str, images_file: str) -> None:
    """Print the predictions as JSON; runs in the child process."""
    import numpy as np

    import edgekit_runtime

    model = edgekit_runtime.load(model_file)
    answers = model.classify(np.load(images_file, allow_pickle=False))
    report = {
        "classes": [answer.index for answer in answers],
        "tensorflow_loaded": "tensorflow" in sys.modules,
        "interpreter": f"{model.interpreter} {model.interpreter_version}",
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
