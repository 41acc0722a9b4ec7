"""Every published file of ``../shared/models`` to float32, dynamic and int8, on LiteRT and on tflite-runtime 2.14.

That the Keras models answer right is shown against independent loaders in ``tests/converters/keras_files``; here their
answers are the reference for what the converter makes of them. ``pytest -s`` prints the table of all files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from edgekit_converters.keras_files.load import load_keras_model
from edgekit_converters.lowering.keras.model import lower_keras_model
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.tflite.tflite_model import TfliteModel

INDEX = Path(__file__).resolve().parents[4] / "shared" / "models" / "index.json"
ENTRIES = json.loads(INDEX.read_text()) if INDEX.exists() else []
CONVERTIBLE = [entry["file"] for entry in ENTRIES if entry["expected"].startswith("converts")]
MODES = (Mode.NONE, Mode.DYNAMIC, Mode.INT8)
#: All 27 files were converted to these once; separable, recurrent and attention layers stand for them here.
RARER_MODES = (Mode.FLOAT16, Mode.INT16X8, Mode.INT4)
IN_RARER_MODES = [name for name in CONVERTIBLE if name[:3] in ("013", "023", "138")]

#: Run by the interpreter's own Python: a model's answers for its inputs, as .npz beside it. A process for each model,
#: so that a crash of native code is one model's failure.
RUN = """
import sys, numpy as np
if sys.argv[1] == "litert":
    from ai_edge_litert.interpreter import Interpreter
else:
    from tflite_runtime.interpreter import Interpreter
runner = Interpreter(sys.argv[2]).get_signature_runner()
with np.load(sys.argv[3]) as inputs:
    np.savez(sys.argv[4], **runner(**dict(inputs)))
"""


@dataclass
class Converted:
    """One published file, its variants in a folder, and the Keras model's answers."""

    folder: Path
    inputs: dict[str, np.ndarray]
    expected: list[np.ndarray]
    sizes: dict[str, int] = field(default_factory=dict)


def example_inputs(model: TfliteModel, seed: int) -> dict[str, np.ndarray]:
    """One example by input name: small indices for integers, pixels or noise for floats."""
    description = model.description
    generator = np.random.default_rng(seed)
    examples = {}
    for name, index in description.signatures[0].inputs:
        tensor = description.tensors[index]
        shape = [max(1, size) for size in tensor.shape_signature]
        if tensor.dtype == "float32":
            values = generator.random(shape) if len(shape) == 4 else generator.standard_normal(shape)
        else:
            values = generator.integers(0, 20, shape)
        examples[name] = values.astype(tensor.dtype)
    return examples


@pytest.fixture(scope="module")
def converted(shared_models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    made = {}
    for name in CONVERTIBLE:
        keras_model = load_keras_model(shared_models / name).model
        float_model, _ = lower_keras_model(keras_model, name=name)
        inputs = example_inputs(float_model, seed=0)
        # The signature's order is that of the names; a functional model takes its inputs in its own order.
        ordered = [inputs[tensor.name.replace(":", "_")] for tensor in keras_model.inputs]
        answers = keras_model(ordered if len(ordered) > 1 else ordered[0], training=False)
        expected = [np.asarray(answer) for answer in (answers if isinstance(answers, (list, tuple)) else [answers])]
        record = Converted(tmp_path_factory.mktemp(name[:3]), inputs, expected)
        np.savez(record.folder / "inputs.npz", **inputs)
        ranges = calibrate(float_model, (example_inputs(float_model, seed) for seed in range(8)))
        for mode in (*MODES, *(RARER_MODES if name in IN_RARER_MODES else ())):
            model = quantize(float_model, mode, ranges=ranges)
            (record.folder / f"{mode.value}.tflite").write_bytes(model.content)
            record.sizes[mode.value] = len(model)
        made[name] = record
    return made


def answers(python: Path | str, interpreter: str, record: Converted, mode: Mode) -> list[np.ndarray]:
    """What an interpreter answers, in a process of its own."""
    output = record.folder / f"{interpreter}-{mode.value}.npz"
    files = [record.folder / f"{mode.value}.tflite", record.folder / "inputs.npz", output]
    done = subprocess.run([str(python), "-c", RUN, interpreter, *map(str, files)], capture_output=True, text=True)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-500:]}"
    with np.load(output) as outputs:
        return [outputs[name] for name in outputs.files]


def error(record: Converted, received: list[np.ndarray]) -> float:
    """The largest difference, relative to the largest output; outputs are paired by shape and closeness."""
    worst = 0.0
    for expected in record.expected:
        scale = max(float(np.abs(expected).max()), 1e-9)
        same = [output for output in received if output.shape == expected.shape]
        assert same, f"no output of shape {expected.shape}: {[output.shape for output in received]}"
        worst = max(worst, min(float(np.abs(output - expected).max()) / scale for output in same))
    return worst


@pytest.mark.parametrize("name", CONVERTIBLE, ids=lambda name: name[:3])
def test_float32_answers_as_keras_does_on_litert(name: str, converted: dict[str, Converted]) -> None:
    assert error(converted[name], answers(sys.executable, "litert", converted[name], Mode.NONE)) <= 1e-4


@pytest.mark.parametrize("name", CONVERTIBLE, ids=lambda name: name[:3])
def test_float32_answers_as_keras_does_on_tflite_runtime(
    name: str, converted: dict[str, Converted], tflite_runtime_python: Path
) -> None:
    received = answers(tflite_runtime_python, "tflite-runtime", converted[name], Mode.NONE)
    assert error(converted[name], received) <= 1e-4


@pytest.mark.parametrize("mode", [Mode.DYNAMIC, Mode.INT8], ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", CONVERTIBLE, ids=lambda name: name[:3])
def test_quantized_forms_run_and_stay_close_on_litert(name: str, mode: Mode, converted: dict[str, Converted]) -> None:
    # One random example says little of accuracy; it tells a working model from one that answers anything.
    assert error(converted[name], answers(sys.executable, "litert", converted[name], mode)) <= 0.25


@pytest.mark.parametrize("mode", RARER_MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", IN_RARER_MODES, ids=lambda name: name[:3])
def test_rarer_forms_run_and_stay_close_on_litert(name: str, mode: Mode, converted: dict[str, Converted]) -> None:
    assert error(converted[name], answers(sys.executable, "litert", converted[name], mode)) <= 0.05


@pytest.mark.parametrize("name", CONVERTIBLE, ids=lambda name: name[:3])
def test_quantized_forms_are_smaller(name: str, converted: dict[str, Converted]) -> None:
    sizes = converted[name].sizes
    assert sizes["int8"] < sizes["none"]
    assert sizes["dynamic"] < sizes["none"]


def test_the_table_of_all_files(converted: dict[str, Converted]) -> None:
    rows = ["| file | Keras | float32 | dynamic | int8 |", "|---|---|---|---|---|"]
    version = {entry["file"]: entry["keras_version"] for entry in ENTRIES}
    for name, record in converted.items():
        size = {mode: f"{record.sizes[mode] / 1000:.0f} kB" for mode in record.sizes}
        rows.append(f"| {name} | {version[name]} | {size['none']} | {size['dynamic']} | {size['int8']} |")
    print("\n" + "\n".join(rows))
    assert len(rows) == 2 + len(CONVERTIBLE)
