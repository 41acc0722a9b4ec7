"""``edgekit validate`` against the loop of TensorFlow's tutorial, and its memory: ``python benchmarks/validate.py``.

The loop is that of "Post-training integer quantization": one image an invoke, one thread, quantized in numpy. The
Keras model is asked with ``Model.predict`` as it comes. The images are MNIST's 10,000 where that is beside the
repository, else noise of the same form.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ratios import report, time_in_turn

from edgekit.conversion import ConversionOptions, convert
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.validation import validate_all
from edgekit.training.reference_cnn import build_for_digits
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import Mode

MNIST = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "mnist"
EVERYTHING = ValidationOptions(everything=True)
RUNS = 3
#: Of images, for the memory.
COUNTS = (1_000, 100_000)

PEAK_MEMORY = """
import sys
from pathlib import Path
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.validation import validate_all
data, reference, candidate = sys.argv[1:]
everything = ValidationOptions(everything=True)
validate_all(Path(reference), [Path(candidate)], data, thresholds=Thresholds(), options=everything)
# Not getrusage, whose maximum begins with that of the process it was forked from.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) / 1000)
"""


def images() -> tuple[np.ndarray, np.ndarray]:
    """10,000 digits, uint8 (10000, 28, 28, 1), and their classes."""
    if MNIST.is_dir():
        from edgekit.datasets.readers.idx import open_idx

        arrays = open_idx(MNIST)
        return arrays["x"][..., np.newaxis], arrays["y"]
    random = np.random.default_rng(0)
    return random.integers(0, 256, (10_000, 28, 28, 1), np.uint8), random.integers(0, 10, 10_000)


def tutorial_loop(path: Path, x: np.ndarray) -> np.ndarray:
    """``run_tflite_model`` of the tutorial."""
    interpreter = tf.lite.Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    input_details: Any = interpreter.get_input_details()[0]
    output_details: Any = interpreter.get_output_details()[0]
    predictions = np.zeros(len(x), int)
    for row, image in enumerate(x):
        test_image = image
        if input_details["dtype"] == np.uint8:
            scale, zero_point = input_details["quantization"]
            test_image = test_image / scale + zero_point
        test_image = np.expand_dims(test_image, axis=0).astype(input_details["dtype"])
        interpreter.set_tensor(input_details["index"], test_image)
        interpreter.invoke()
        predictions[row] = interpreter.get_tensor(output_details["index"])[0].argmax()
    return predictions


def peak_memory_mb(data: Path, *models: Path) -> float:
    """Of a process of its own that validates on all of ``data``."""
    arguments = [sys.executable, "-c", PEAK_MEMORY, str(data), *map(str, models)]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def measure(folder: Path) -> None:
    """Print ratios and memory."""
    x, y = images()
    np.savez(folder / "images.npz", x=x, y=y)
    source = folder / "model.keras"
    build_for_digits().save(source)
    paths = {mode: folder / f"{mode.value}.tflite" for mode in (Mode.NONE, Mode.INT8)}
    convert(LoweringRequest(source), paths, ConversionOptions(data="digits"))
    plain, int8 = paths[Mode.NONE], paths[Mode.INT8]
    real = x.astype(np.float32) / 255
    model = keras.models.load_model(source)

    def ours(reference: Path, *candidates: Path) -> None:
        validate_all(reference, candidates, str(folder / "images.npz"), thresholds=Thresholds(), options=EVERYTHING)

    def loops() -> None:
        tutorial_loop(plain, real)
        tutorial_loop(int8, real)

    def tutorial() -> None:
        model.predict(real, verbose=0).argmax(1)
        loops()

    whole = "Keras, float32 and int8 compared / Model.predict and two loops"
    report([
        time_in_turn(whole, lambda: ours(source, plain, int8), tutorial, target=0.2, runs=RUNS),
        time_in_turn("float32 and int8 compared / two loops", lambda: ours(plain, int8), loops, target=0.2, runs=RUNS),
    ])  # fmt: skip
    for count in COUNTS:
        np.savez(folder / f"{count}.npz", x=np.resize(x, (count, 28, 28, 1)), y=np.resize(y, count))
    for what, reference in ((".tflite against .tflite", plain), ("Keras against .tflite", source)):
        few, many = (peak_memory_mb(folder / f"{count}.npz", reference, int8) for count in COUNTS)
        print(
            f"{what}: {few:.0f} MB at most with {COUNTS[0]:,} images, {many:.0f} MB with {COUNTS[1]:,}: "
            f"{many / few:.2f} ×"
        )


with tempfile.TemporaryDirectory() as name:
    measure(Path(name))
