"""Peak memory of `edgekit check` on 100,000 images over that on 1,000: it judges a stream, and keeps an answer each.

python benchmarks/check_memory.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MODEL = Path(__file__).resolve().parents[1] / "tests" / "data" / "tflite" / "cnn_float32.tflite"


def main() -> None:
    """Print the peak of each size, and their ratio."""
    peaks = {}
    for samples in (1_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            peaks[samples] = peak_bytes(Path(folder), samples)
        print(f"{samples:7,} images: {peaks[samples] / 1e6:.0f} MB")
    print(f"ratio: {peaks[100_000] / peaks[1_000]:.3f}")


def peak_bytes(folder: Path, samples: int) -> int:
    """Peak resident memory of a process that makes a baseline on so many images."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (samples, 12, 12, 1), np.uint8)
    np.savez(folder / "data.npz", x=pixels, y=rng.integers(0, 10, samples))
    (folder / "edgekit.toml").write_text(
        f'data = "data.npz"\n[thresholds]\nmax_slowdown = false\n[models.m]\nfile = "{MODEL}"\nexamples = "all"\n'
    )
    command = [sys.executable, "-m", "edgekit", "check", "--update-baseline", "--config", str(folder / "edgekit.toml")]
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout)


if __name__ == "__main__":
    main()
