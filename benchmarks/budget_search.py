"""``edgekit convert --quantize int8 --max-drop`` that has to search against the same without a budget.

``python benchmarks/budget_search.py [NAME…]``: names of models in ``tests/integration/hostile_models.py``, each broken
by plain int8 (default: the ones with the fewest and the most operators in float in the end).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from ratios import Ratio, command, report, time_in_turn

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "integration"))
import hostile_models

edgekit = shutil.which("edgekit") or "edgekit"


def measured(name: str, folder: Path) -> Ratio:
    """Time the whole command with and without a budget."""
    hostile = getattr(hostile_models, name)()
    hostile.keras_model.save(folder / f"{name}.keras")
    np.savez(folder / f"{name}.npz", x=hostile.inputs, y=hostile.targets)
    convert = (edgekit, "convert", str(folder / f"{name}.keras"), "--quantize", "int8", "--data")
    data, output = str(folder / f"{name}.npz"), str(folder / f"{name}.tflite")
    return time_in_turn(
        f"int8 within a budget of 0.005, {hostile.name} / plain int8",
        command(*convert, data, "-o", output, "--max-drop", "0.005"),
        command(*convert, data, "-o", output),
        target=10,
        runs=3,
    )


names = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or ["wide_softmax", "residual"]
with tempfile.TemporaryDirectory() as folder:
    report([measured(name, Path(folder)) for name in names])
