"""Memory of a process over a million predictions: ``python benchmarks/runtime_memory.py [COUNT]``.

Of single images, of classified pixels, of batches and of a stream, on one model; flat within 1 MB is promised.
"""

from __future__ import annotations

import os
import sys
from itertools import repeat
from pathlib import Path

import numpy as np

import edgekit_runtime

MODEL = Path(__file__).resolve().parent.parent / "tests" / "data" / "tflite" / "cnn_int8_io_int8.tflite"


def resident_mb() -> float:
    """What this process holds in memory now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    model = edgekit_runtime.load(MODEL)
    pixels = np.random.default_rng(0).integers(0, 256, (100, 12, 12, 1), np.uint8)
    images = (pixels / 255).astype(np.float32)
    single, picture = images[:1], np.ascontiguousarray(pixels[0, :, :, 0])
    part = count // 20
    sizes = []
    for tenth in range(11):
        # The first tenth warms up: caches fill, interpreters for batches are made.
        for _ in range(part // 2):
            model.predict(single)
            model.classify(picture)
        for _ in range(part // 200):
            model.predict(images)
        for _ in model.stream(repeat(single, part // 2)):
            pass
        sizes.append(resident_mb())
        print(f"after {(tenth + 1) * part * 2:9,d} predictions: {sizes[-1]:.2f} MB resident", flush=True)
    growth = sizes[-1] - sizes[0]
    print(f"{growth:+.2f} MB over the last {10 * part * 2:,} predictions; at most 1 promised")
    return int(growth > 1)


if __name__ == "__main__":
    sys.exit(main())
