"""edgekit_runtime against the bare interpreter on the reference CNN, same interpreter, one thread.

``python benchmarks/runtime_predict.py [INT8.tflite FLOAT32.tflite] [--json]``: an int8 model with int8 ends and a
float32 one, 28 × 28 × 1 in; without them both are made with random weights, for which TensorFlow is needed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ratios import Ratio, report, time_in_turn

import edgekit_runtime
from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.interpreters.interface import Interpreter
from edgekit_runtime.model import Model

PREDICTIONS = 500
ROUNDS = 61
BATCH = 1000

# In a process of its own: TensorFlow's threads and allocator stay out of the timings.
MAKE_MODELS = """
import sys
import numpy as np
import tensorflow as tf
from edgekit.training.reference_cnn import build

model = build((28, 28, 1), 10)
images = np.random.default_rng(0).random((100, 1, 28, 28, 1), np.float32)
for path, quantize in ((sys.argv[1], True), (sys.argv[2], False)):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    open(path, "wb").write(converter.convert())
"""


def bare(path: Path) -> tuple[Interpreter, int, int]:
    """An interpreter as a plain script makes it, and the numbers of its input and output."""
    description = edgekit_runtime.read_model_description(path.read_bytes())
    interpreter = choose_interpreter().create(path.read_bytes(), num_threads=1)
    return interpreter, description.inputs[0].index, description.outputs[0].index


def repeat_bare(path: Path, samples: np.ndarray, times: int = 1) -> Callable[[], None]:
    """Set, invoke and get for each sample."""
    interpreter, input_index, output_index = bare(path)

    def run() -> None:
        for _ in range(times):
            for sample in samples:
                interpreter.set_tensor(input_index, sample)
                interpreter.invoke()
                interpreter.get_tensor(output_index)

    return run


def repeat(call: Callable[[np.ndarray], object], argument: np.ndarray, times: int = 1) -> Callable[[], None]:
    """The same call, again and again."""

    def run() -> None:
        for _ in range(times):
            call(argument)

    return run


def single(
    what: str,
    path: Path,
    call: Callable[[np.ndarray], object],
    argument: np.ndarray,
    stored: np.ndarray,
    *,
    target: float,
) -> Ratio:
    """One image at a time; ``stored`` is the same image as the model's tensor holds it."""
    return time_in_turn(
        f"{PREDICTIONS} × {what} / set, invoke, get",
        repeat(call, argument, PREDICTIONS),
        repeat_bare(path, stored[np.newaxis], PREDICTIONS),
        target=target,
        runs=ROUNDS,
    )


def batch(what: str, path: Path, model: Model, images: np.ndarray, stored: np.ndarray) -> Ratio:
    """A large batch; 1.8 times the images a second is 1 / 1.8 of the time."""
    return time_in_turn(
        f"`predict` of {len(images)} images, {what} / a loop of set, invoke, get",
        repeat(model.predict, images),
        # The very same values: tflite-runtime's int8 kernels take a third less time for zeros.
        repeat_bare(path, stored[:, np.newaxis]),
        target=1 / 1.8,
        runs=ROUNDS // 3,
    )


def codes_of(pixels: np.ndarray) -> np.ndarray:
    """Pixels as an int8 tensor of scale 1/255 and zero point -128 holds them."""
    return (pixels.astype(np.int16) - 128).astype(np.int8)


def measure(int8: Path, float32: Path) -> list[Ratio]:
    """All ratios, on the interpreter that is installed."""
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, 28, 28, 1), np.uint8)
    images, codes = (pixels / 255).astype(np.float32), codes_of(pixels)
    quantized, floating = edgekit_runtime.load(int8), edgekit_runtime.load(float32)
    grey = np.ascontiguousarray(pixels[0, :, :, 0])
    return [
        single("int8 `predict` of int8", int8, quantized.predict, codes[:1], codes[:1], target=1.10),
        single("int8 `predict` of float32", int8, quantized.predict, images[:1], codes[:1], target=1.25),
        single("float32 `predict`", float32, floating.predict, images[:1], images[:1], target=1.05),
        single("int8 `classify` of uint8", int8, quantized.classify, grey, codes[:1], target=1.4),
        batch("int8 model, float32 in", int8, quantized, images, codes),
        batch("float32 model", float32, floating, images, images),
    ]


def main() -> None:
    given = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    with tempfile.TemporaryDirectory() as folder:
        paths = given or [Path(folder) / "int8.tflite", Path(folder) / "float32.tflite"]
        if not given:
            subprocess.run([sys.executable, "-c", MAKE_MODELS, *map(str, paths)], check=True, capture_output=True)
        report(measure(*paths))


if __name__ == "__main__":
    main()
