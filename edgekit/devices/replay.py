"""A model replayed in a process of its own, as a device would: ``python -m edgekit.devices.replay MODEL IMAGES.npy``.

This module imports the device runtime only, so that the child that runs it never loads TensorFlow.
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
    """What the process answered.

    Attributes:
        classes: Index of the first answer for each image.
        tensorflow_loaded: Whether TensorFlow was in the process.
        interpreter: The interpreter's name and version.
    """

    classes: tuple[int, ...]
    tensorflow_loaded: bool
    interpreter: str


def replay(model: Path, images: Path) -> Replay:
    """Classify images in a fresh process.

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
            f"The runtime could not replay {model.name} in a process of its own.",
            received=done.stderr.strip()[-500:] or f"exit code {done.returncode}",
            next_step=f"run python -m edgekit_runtime info {model}",
        )
    answer = json.loads(done.stdout)
    return Replay(tuple(answer["classes"]), answer["tensorflow_loaded"], answer["interpreter"])


def main(model_file: str, images_file: str) -> None:
    """Print the answers as JSON; runs in the child."""
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
