"""Find digits in images, on the device: ``python find_digits.py detector-int8.tflite IMAGE…``."""

import sys

import edgekit_runtime

if len(sys.argv) < 3:
    raise SystemExit(__doc__)
model = edgekit_runtime.load(sys.argv[1], verify=True)
for path in sys.argv[2:]:
    for found in model.detect(path, score_threshold=0.4):
        left, top, right, bottom = (round(edge) for edge in found.box)
        print(f"{path}: {found.label} ({found.score:.0%}) from {left}, {top} to {right}, {bottom}")
