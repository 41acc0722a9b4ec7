"""Makes edgekit/regression/reference_*.tflite, the built-in models that `edgekit check` compares latency with.

Small files and a few hundred microseconds of work: two convolutions over a map of 32 × 32, in float32 and in int8.
Run from the repository's root; the same versions give the same bytes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np

from edgekit_converters.lowering import LoweringProcess, LoweringRequest
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((32, 32, 8)),
        keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
        keras.layers.Conv2D(16, 3, activation="relu", padding="same"),
        keras.layers.MaxPooling2D(8),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
rng = np.random.default_rng(0)
samples = [rng.random((1, 32, 32, 8), np.float32) for _ in range(8)]
with tempfile.TemporaryDirectory() as folder:
    source = Path(folder) / "reference.keras"
    model.save(source)
    with LoweringProcess(LoweringRequest(source)) as process:
        lowered = process.result()
for mode, name in ((Mode.NONE, "float32"), (Mode.INT8, "int8")):
    representative = [{lowered.inputs[0].name: sample} for sample in samples]
    content = quantize(lowered.model, mode, representative_dataset=representative if mode is Mode.INT8 else None)
    Path("edgekit/regression", f"reference_{name}.tflite").write_bytes(content)
    print(name, len(content))
