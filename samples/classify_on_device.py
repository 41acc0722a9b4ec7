"""Name what pictures show: ``python classify_on_device.py model.tflite picture.png …``."""

import sys

import edgekit_runtime

model = edgekit_runtime.load(sys.argv[1])
for path, answer in zip(sys.argv[2:], model.classify(sys.argv[2:])):
    print(f"{path}: {answer.label} ({answer.score:.0%})")
