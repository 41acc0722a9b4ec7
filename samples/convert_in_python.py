"""Convert a Keras model and prove it, from Python: ``python convert_in_python.py model.h5 DATA``."""

import sys

import edgekit

if len(sys.argv) != 3:
    raise SystemExit(__doc__)
source, data = sys.argv[1:]
conversion = edgekit.convert(source, quantize="int8", data=data)
result = edgekit.validate(source, conversion.path, data, max_drop=0.01)
print(f"{conversion.path}: top-1 {result.agreement.candidate_top1:.2%}, Keras {result.agreement.reference_top1:.2%}")
result.require_passed()
