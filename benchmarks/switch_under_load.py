"""Switches the model of the HTTP sample under load: ``python benchmarks/switch_under_load.py [SWITCHES] [PER_SECOND]``.

Two models whose weights differ answer the same image differently. Every answer has to be entirely one model's: its
labels and its scores. Prints how many requests failed, and how many answers were of neither model.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import edgekit_runtime
from edgekit_converters.packaging.artifact import pack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.store.installation import InstallOptions, install, roll_back
from edgekit_runtime.store.slot import require_slot
from edgekit_runtime.tflite.tflite_model import TfliteModel

ROOT = Path(__file__).resolve().parent.parent
TFLITE = ROOT / "tests" / "data" / "tflite"
_MODELS = ("cnn_float32", "cnn_int8_io_float32")


def make_models(folder: Path) -> list[Path]:
    """Two models of different weights and labels, with golden examples."""
    paths = []
    with np.load(TFLITE / "cnn.npz") as arrays:
        images = arrays["image"][:2]
    for number, name in enumerate(_MODELS):
        model = TfliteModel((TFLITE / f"{name}.tflite").read_bytes())
        golden = make_golden(model, [images], origin="benchmark")
        assert golden is not None
        labels = tuple(f"model {number} class {index}" for index in range(10))
        path = folder / f"{name}.tflite"
        path.write_bytes(pack(model, Manifest(labels=labels), golden.content))
        paths.append(path)
    return paths


@contextmanager
def served(name: str) -> Iterator[int]:
    """Run the sample on an installed model; yields its port."""
    command = [sys.executable, str(ROOT / "samples" / "http_service.py"), name, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
        assert serving.stdout is not None
        yield int(serving.stdout.readline().removeprefix("Listening on port "))
        serving.send_signal(signal.SIGINT)
        serving.wait(timeout=30)


def ask(port: int, image: bytes) -> dict[str, Any]:
    """What the service answers, with ``status`` added."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/classify?top_k=10", image)
        response = connection.getresponse()
        return {**json.loads(response.read()), "status": response.status}
    finally:
        connection.close()


def judge(answer: dict[str, Any], expected: dict[str, list[tuple[str, float]]]) -> str:
    """The model that gave an answer, or what is wrong with it."""
    if answer["status"] != 200:
        return "failed"
    top = [(each["label"], each["score"]) for each in answer["top"]]
    return next((name for name, right in expected.items() if _equal(top, right)), "of neither model")


def _equal(left: list[tuple[str, float]], right: list[tuple[str, float]]) -> bool:
    return [label for label, _ in left] == [label for label, _ in right] and np.allclose(
        [score for _, score in left], [score for _, score in right], atol=1e-4
    )


def run(switches: int, per_second: float, image: bytes, folder: Path) -> Counter[str]:
    """Install and roll back in turn while requests arrive at a fixed rate; counts the answers by :func:`judge`."""
    os.environ["EDGEKIT_STORE"] = str(folder / "store")
    first, second = make_models(folder)
    expected = {}
    picture = folder / "image"
    picture.write_bytes(image)
    for path in (first, second):
        (answer,) = edgekit_runtime.load(path).classify([picture], 10)
        expected[path.stem] = [(each.label, each.score) for each in answer.top]
    install(first, "digits", InstallOptions())
    counts: Counter[str] = Counter()
    done = threading.Event()
    with served("digits") as port, ThreadPoolExecutor(16) as pool:

        def one_request() -> None:
            try:
                counts[judge(ask(port, image), expected)] += 1
            except (OSError, http.client.HTTPException):
                counts["failed"] += 1

        def load() -> None:
            due = time.monotonic()
            while not done.is_set():
                pool.submit(one_request)
                due += 1 / per_second
                time.sleep(max(0.0, due - time.monotonic()))

        loading = threading.Thread(target=load)
        loading.start()
        install(second, "digits", InstallOptions())
        for number in range(1, switches):
            # The service looks at the link twice a second; each switch is to be seen there.
            wanted = (second, first)[(number - 1) % 2]
            while judge(ask(port, image), expected) != wanted.stem:
                time.sleep(0.05)
            if number % 2:
                roll_back(require_slot("digits"))
            else:
                install(second, "digits", InstallOptions())
        done.set()
        loading.join()
    return counts


def main() -> int:
    """Print the counts; the exit code is 1 if a request failed or an answer was of neither model."""
    from io import BytesIO

    from PIL import Image

    switches = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    per_second = float(sys.argv[2]) if len(sys.argv) > 2 else 50.0
    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save(file, "PNG")
    with tempfile.TemporaryDirectory() as folder:
        counts = run(switches, per_second, file.getvalue(), Path(folder))
    print(f"{switches} switches under {per_second:g} requests per second: {sum(counts.values()):,} requests")
    for name, number in sorted(counts.items()):
        print(f"  {name}: {number:,}")
    return 1 if counts["failed"] or counts["of neither model"] else 0


if __name__ == "__main__":
    sys.exit(main())
