"""Whether ``bench --explain`` names the true cause: ``python benchmarks/explain.py``.

Makes five models, each of them slow for one reason. Prints the first cause of each with its remedy; exits with 1 if one
of them is another than the model was made for. Leave the machine idle meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from slow_models import write

from edgekit_runtime.interpreters.choosing import choose_interpreter
from edgekit_runtime.profiling.explaining import explain
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: The kind of the cause that each model was made for.
TRUE_CAUSES = {
    "outside_xnnpack": "outside_xnnpack",
    "float_islands": "float_islands",
    "per_tensor_weights": "per_tensor_weights",
    "too_many_threads": "threads",
    "huge_transpose": "data_movement",
}


def main() -> int:
    choice = choose_interpreter()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, path in write(Path(folder), small=False).items():
            explanation = explain(TfliteModel(path.read_bytes()), choice, [1, 2, 4])
            first = explanation.causes[0]
            is_right = first.kind == TRUE_CAUSES[name]
            wrong += not is_right
            print(f"{name}: {'right' if is_right else f'WRONG: {first.kind}'}; {first.sentence} {first.remedy}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
