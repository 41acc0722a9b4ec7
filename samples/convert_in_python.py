"""Convert a Keras model and prove it, from Python: ``python convert_in_python.py model.h5 DATA``."""

import sys
from pathlib import Path

from edgekit.conversion import ConversionOptions, convert
from edgekit.parity.options import Thresholds
from edgekit.parity.validation import validate
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import Mode

source, data = Path(sys.argv[1]), sys.argv[2]
output = source.with_name(f"{source.stem}-int8.tflite")
convert(LoweringRequest(source), {Mode.INT8: output}, ConversionOptions(data=data))
result = validate(source, output, data, thresholds=Thresholds(max_drop=0.01))
print(f"{output}: top-1 {result.agreement.candidate_top1:.2%}, Keras {result.agreement.reference_top1:.2%}")
result.require_passed()
