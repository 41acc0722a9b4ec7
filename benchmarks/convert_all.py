"""``edgekit convert --all`` (four variants) against a bare script that converts one.

``python benchmarks/convert_all.py [DATA]``: DATA is what int8 is calibrated on (default: digits).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from ratios import command, report, time_in_turn

BARE = """
import sys, tensorflow as tf, keras
model = keras.models.load_model(sys.argv[1])
open(sys.argv[2], "wb").write(tf.lite.TFLiteConverter.from_keras_model(model).convert())
"""
MAKE_MODEL = """
import sys
from edgekit.training.reference_cnn import build
build((28, 28, 1), 10).save(sys.argv[1])
"""

data = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "digits")
edgekit = shutil.which("edgekit") or "edgekit"
with tempfile.TemporaryDirectory() as folder:
    model = str(Path(folder) / "model.h5")
    command(sys.executable, "-c", MAKE_MODEL, model)()
    report(
        [
            time_in_turn(
                "`edgekit convert --all`, four variants / a bare script, one",
                command(edgekit, "convert", model, "--all", "--data", data, "--output", folder),
                command(sys.executable, "-c", BARE, model, str(Path(folder) / "bare.tflite")),
                target=1.5,
                runs=5,
            )
        ]
    )
