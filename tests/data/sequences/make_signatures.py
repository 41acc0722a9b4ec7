"""Makes ``three_signatures.tflite`` of three models of ``../tflite``; one of them calls the bodies of a loop.

Run with the development environment: ``python tests/data/sequences/make_signatures.py``.
"""

from __future__ import annotations

from pathlib import Path

from edgekit_converters.packaging.merged_signatures import merge_signatures
from edgekit_runtime.tflite.tflite_model import TfliteModel

HERE = Path(__file__).parent
MODELS = {"dense": "dense_float32", "series": "lstm_batch1", "pairs": "two_in_two_out"}


def main() -> None:
    models = {
        key: TfliteModel((HERE.parent / "tflite" / f"{name}.tflite").read_bytes()) for key, name in MODELS.items()
    }
    (HERE / "three_signatures.tflite").write_bytes(merge_signatures(models).content)


if __name__ == "__main__":
    main()
