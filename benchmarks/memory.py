"""Memory of the calling process over many int8 conversions: ``python benchmarks/memory.py [COUNT]`` (default 100)."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from ratios import command

from edgekit.conversion import ConversionOptions, convert
from edgekit_converters.lowering import LoweringRequest
from edgekit_converters.quantization.modes import Mode

# In a process of its own: this one never imports TensorFlow.
MAKE_MODEL = """
import sys
from edgekit.training.reference_cnn import build_for_digits
build_for_digits().save(sys.argv[1])
"""


def resident_mb() -> float:
    """What this process holds in memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
with tempfile.TemporaryDirectory() as folder:
    source = Path(folder) / "model.keras"
    command(sys.executable, "-c", MAKE_MODEL, str(source))()
    for number in range(1, count + 1):
        outputs = {mode: Path(folder) / f"{mode.value}.tflite" for mode in (Mode.NONE, Mode.INT8)}
        convert(LoweringRequest(source), outputs, ConversionOptions(data="digits", samples=50))
        if number in (1, 10) or number % 30 == 0 or number == count:
            print(f"after {number:3d} conversions: {resident_mb():.1f} MB resident", flush=True)
