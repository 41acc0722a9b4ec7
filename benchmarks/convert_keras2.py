"""``edgekit convert`` on a file of Keras 2 against a plain script on an equal file of Keras 3.

``python benchmarks/convert_keras2.py KERAS2_FILE``: a file that Keras 2 wrote, such as the fixtures of
``tests/data/keras_eras``; the equal file of Keras 3 is made from it.
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
SAVE_AS_KERAS_3 = """
import sys
from edgekit_converters.keras_files.load import load_keras_model
load_keras_model(sys.argv[1]).model.save(sys.argv[2])
"""

source = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
if source is None:
    sys.exit(__doc__)
edgekit = shutil.which("edgekit") or "edgekit"
with tempfile.TemporaryDirectory() as folder:
    equal = str(Path(folder) / "equal.keras")
    command(sys.executable, "-c", SAVE_AS_KERAS_3, source, equal)()
    report(
        [
            time_in_turn(
                "`edgekit convert`, a file of Keras 2 / a plain Keras 3 script, the equal file of Keras 3",
                command(edgekit, "convert", source, "--output", str(Path(folder) / "ours.tflite")),
                command(sys.executable, "-c", BARE, equal, str(Path(folder) / "bare.tflite")),
                target=1.1,
                runs=7,
            )
        ]
    )
