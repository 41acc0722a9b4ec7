"""Say which digits an image shows and how large each is, on the device: ``python outline_digits.py MODEL IMAGE…``."""

import sys

import edgekit_runtime

if len(sys.argv) < 3:
    raise SystemExit(__doc__)
model = edgekit_runtime.load(sys.argv[1], verify=True)
for path in sys.argv[2:]:
    found = model.segment(path)
    # A few pixels are noise rather than a digit.
    digits = {label: pixels for label, pixels in found.areas().items() if label != "background" and pixels >= 20}
    print(f"{path}: " + (", ".join(f"{label} ({pixels} pixels)" for label, pixels in digits.items()) or "nothing"))
