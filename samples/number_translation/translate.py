"""Translate on the device: ``python samples/number_translation/translate.py numbers.tflite "forty-two"``."""

from __future__ import annotations

import sys

import edgekit_runtime


def main(path: str, texts: list[str]) -> None:
    model = edgekit_runtime.load(path)
    for text in texts:
        (result,) = model.generate(text, beams=4)
        print(f"{text} → {result.text} (log-probability {result.log_probability:.3f})")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
