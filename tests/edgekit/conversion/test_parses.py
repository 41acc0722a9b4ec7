"""One conversion parses each distinct FlatBuffer once: the parsed model travels from step to step.

The lowering runs in a process of its own, which hands over bytes: it is counted by itself, and the process of the
conversion parses the float model once more.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit_converters.lowering import LoweringRequest
from edgekit_runtime.tflite import structure
from edgekit_runtime.tflite.flatbuffer import FlatBuffer


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each FlatBuffer was parsed in this process, by its digest."""
    counts: Counter[str] = Counter()

    class CountedFlatBuffer(FlatBuffer):
        def __init__(self, data: bytes, size: int | None = None) -> None:
            counts[hashlib.sha256(data).hexdigest()] += 1
            super().__init__(data, size)

    # The only place that parses a whole file: whoever calls it, and under whatever name, is counted.
    monkeypatch.setattr(structure, "FlatBuffer", CountedFlatBuffer)
    # On a busy machine int8 can seem slower than float32, and the search for the cause makes many models.
    monkeypatch.setattr(import_module("edgekit.conversion.convert"), "slower_than_float", lambda *_models: ())
    return counts


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CNN, ``model.keras``, and labelled data that it was fitted to, ``data.npz``."""
    import keras

    folder = tmp_path_factory.mktemp("project")
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 4
    x = rng.random((1200, 8, 8, 1)).astype(np.float32)
    for label in range(4):
        x[y == label, 2 * label : 2 * label + 2] += 0.5
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 1), name="picture"),
            keras.layers.Conv2D(6, 3, activation="relu"),
            keras.layers.DepthwiseConv2D(3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(4, activation="softmax", name="kind"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0)
    # One channel of the first layer far above the others, undone by the depthwise one: plain int8 loses the others.
    scales = np.array([1, 1, 1, 1, 1, 2000], np.float32)
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel * scales, bias * scales])
    depthwise, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([depthwise / scales[:, None], bias])
    model.save(folder / "model.keras")
    np.savez(folder / "data.npz", x=x, y=y)
    return folder


def convert(project: Path, output: Path, *options: str) -> dict[str, object]:
    command = ["convert", str(project / "model.keras"), "--data", str(project / "data.npz"), "--quantize", "int8"]
    # A repair makes many models, some of which turn out the same.
    command += ["--repair", "off"]
    result = CliRunner().invoke(cli, [*command, "-o", str(output), "--json", *options])
    assert result.exit_code in (0, 3), result.output
    return dict(json.loads(result.stdout))


@pytest.mark.parametrize("io", ["float32", "int8", "uint8"])
def test_an_int8_conversion_parses_each_flatbuffer_once(
    io: str, project: Path, tmp_path: Path, parses: Counter[str]
) -> None:
    convert(project, tmp_path / "int8.tflite", "--io", io)
    # Float, quantized, packed; between them what litert-quantizer made before sizes and edges were set right.
    assert 3 <= len(parses) <= 5
    assert set(parses.values()) == {1}
    # The file that was written is one of those that were checked.
    assert hashlib.sha256((tmp_path / "int8.tflite").read_bytes()).hexdigest() in parses


@pytest.mark.parametrize("target", [(), ("--target", "tflite-runtime-2.14")], ids=["any", "target"])
def test_a_search_parses_each_flatbuffer_once(
    target: tuple[str, ...], project: Path, tmp_path: Path, parses: Counter[str]
) -> None:
    found = convert(project, tmp_path / "int8.tflite", "--max-drop", "0.005", *target)
    budget = found["budget"]
    assert isinstance(budget, dict)
    # A real search: operators were ranked, and several models were judged.
    assert budget["evaluations"] > 3
    assert len(parses) > 8
    assert set(parses.values()) == {1}


LOWERING = """
import hashlib, sys
from pathlib import Path
from edgekit_converters.lowering import child
from edgekit_runtime.tflite import structure

parser = structure.FlatBuffer

def counted(data, *arguments):
    with (Path(sys.argv[1]) / "parsed.txt").open("a") as file:
        print(hashlib.sha256(data).hexdigest(), file=file)
    return parser(data, *arguments)

structure.FlatBuffer = counted
child.main(Path(sys.argv[1]), 0)
"""


def test_the_process_that_lowers_parses_each_flatbuffer_once(project: Path, tmp_path: Path) -> None:
    request = asdict(LoweringRequest(project / "model.keras")) | {"source": str(project / "model.keras")}
    (tmp_path / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-c", LOWERING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        answer = json.loads(child.stdout.readline())
        child.kill()
    assert "error" not in answer
    parsed = (tmp_path / "parsed.txt").read_text().split()
    assert hashlib.sha256((tmp_path / "model.tflite").read_bytes()).hexdigest() in parsed
    assert len(parsed) == len(set(parsed))
