"""The artifact as others see it: tflite-support's own reader, and the real tflite-runtime on the device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit_converters.packaging.artifact import pack, unpack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_converters.quantization.modes import Mode
from edgekit_converters.quantization.quantize import quantize
from edgekit_runtime.packed_file.golden import read_golden
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

READ_METADATA = """
import json, sys
# The package's __init__ loads its task library, which needs more than this.
from tensorflow_lite_support.metadata.python import metadata
displayer = metadata.MetadataDisplayer.with_model_file(sys.argv[1])
print(json.dumps({
    "metadata": json.loads(displayer.get_metadata_json()),
    "files": displayer.get_packed_associated_file_list(),
    "labels": displayer.get_associated_file_buffer("labels.txt").decode(),
}))
"""
REPLAY = """
import json, sys
import edgekit_runtime, edgekit_runtime.loading
if "--unwarned" in sys.argv:
    # As if it were not known which models this interpreter predicts at chance level.
    edgekit_runtime.loading.refuse_scales_beyond = lambda *known: None
try:
    print(json.dumps(edgekit_runtime.load(sys.argv[1], interpreter="tflite-runtime").verify().to_dict()))
    edgekit_runtime.load(sys.argv[1], interpreter="tflite-runtime", verify=True)
except edgekit_runtime.errors.EdgekitError as error:
    print(json.dumps(error.to_dict()))
"""


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference CNN, trained on the built-in digits and converted to every variant."""
    folder = tmp_path_factory.mktemp("artifact")
    for arguments in (
        ["train", "--epochs", "3", "--no-augment", "--output", str(folder)],
        ["convert", str(folder / "model.h5"), "--all", "--data", "digits", "--output", str(folder)],
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def metadata_reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A Python with tflite-support 0.4.4, and the environment that it runs in."""
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-support has no wheel for this Python")
    folder = tmp_path_factory.mktemp("tflite-support")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--no-deps"]
    packages = ["tflite-support==0.4.4", "flatbuffers==25.12.19", "numpy==1.26.4"]
    if subprocess.run([*install, *packages], capture_output=True).returncode:
        pytest.skip("tflite-support cannot be installed here")
    environment = dict(os.environ)
    check = [str(python), "-c", READ_METADATA.split("displayer", maxsplit=1)[0]]
    if b"libusb" in subprocess.run(check, capture_output=True, env=environment).stderr:
        environment["LD_LIBRARY_PATH"] = str(_unpacked_libusb(folder / "libusb"))
    if subprocess.run(check, capture_output=True, env=environment).returncode:
        pytest.skip("tflite-support cannot be imported here: it needs libusb-1.0-0")
    return python, environment


def _unpacked_libusb(folder: Path) -> Path:
    """A library that tflite-support links to, out of its package and not installed."""
    folder.mkdir()
    subprocess.run(["apt-get", "download", "libusb-1.0-0", "libudev1"], cwd=folder, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], capture_output=True)
    return next((path.parent for path in folder.rglob("libusb-1.0.so.0")), folder)


@pytest.mark.parametrize("mode", ["none", "int8"])
def test_tflite_support_reads_it(mode: str, variants: Path, metadata_reader: tuple[Path, dict[str, str]]) -> None:
    python, environment = metadata_reader
    model = variants / f"model-{mode}.tflite"
    done = subprocess.run(
        [str(python), "-c", READ_METADATA, str(model)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen["files"]) == {"edgekit.json", "labels.txt", "golden.npz"}
    assert seen["labels"].split() == list("0123456789")
    (subgraph,) = seen["metadata"]["subgraph_metadata"]
    (image,), (scores,) = subgraph["input_tensor_metadata"], subgraph["output_tensor_metadata"]
    assert image["content"]["content_properties"] == {
        "color_space": "GRAYSCALE",
        "default_size": {"width": 28, "height": 28},
    }
    assert image["process_units"][0]["options"] == {"mean": [0.0], "std": [255.0]}
    assert scores["associated_files"] == [{"name": "labels.txt", "type": "TENSOR_AXIS_LABELS"}]
    assert seen["metadata"]["name"] == "model"


def test_the_artifact_is_small(variants: Path) -> None:
    """Labels, metadata, manifest, digests and golden examples: about 3 kB for the reference CNN."""
    sizes = {}
    for mode in ("none", "float16", "dynamic", "int8"):
        content = (variants / f"model-{mode}.tflite").read_bytes()
        sizes[mode] = len(content)
        assert len(content) - len(unpack(TfliteModel(content)).model) <= 3_100
    plain_float32 = len(unpack(TfliteModel((variants / "model-none.tflite").read_bytes())).model)
    assert sizes["int8"] <= 0.29 * plain_float32


@pytest.mark.parametrize("mode", ["none", "float16", "dynamic", "int8"])
def test_golden_examples_are_real_digits_with_keras_s_answers(mode: str, variants: Path) -> None:
    content = (variants / f"model-{mode}.tflite").read_bytes()
    golden, facts = read_golden(content), read_manifest(content).provenance["golden"]
    assert facts["inputs"] == "digits"
    parity = read_manifest(content).provenance["parity"]
    assert parity["max_error"] <= {"none": 1e-5, "float16": 1e-3}.get(mode, 0.1)
    assert parity["top1_equal"] == len(golden.inputs[0])
    assert golden.inputs[0].dtype == np.uint8
    assert golden.inputs[0].shape[1:] == (28, 28, 1)
    assert len(golden.inputs[0]) >= 2
    import keras

    from edgekit_converters.keras_files.load import load_keras_model

    model = load_keras_model(variants / "model.h5").model
    assert isinstance(model, keras.Model)
    expected = np.asarray(model(golden.inputs[0].astype(np.float32) / 255, training=False))
    np.testing.assert_allclose(golden.keras[0].reshape(expected.shape), expected, atol=1e-6)
    own = golden.outputs[0].reshape(expected.shape)
    assert np.abs(own - expected).max() <= max(golden.tolerance[0], 0.05)


def replayed(python: Path, model: Path, *flags: str) -> list[dict]:
    runtime = Path(__file__).resolve().parents[2] / "runtime"
    environment = {**os.environ, "PYTHONPATH": str(runtime)}
    done = subprocess.run(
        [str(python), "-c", REPLAY, str(model), *flags], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_model_that_answers_at_chance_on_tflite_runtime_is_caught(
    variants: Path, tflite_runtime_python: Path
) -> None:
    """litert-quantizer's dynamic model has a scale for each channel of a dense layer, which 2.14 does not know of."""
    (refusal,) = replayed(tflite_runtime_python, variants / "model-dynamic.tflite")
    assert refusal["error"] == "InterpreterError"
    assert "predicts at chance level" in refusal["problem"]

    report, refusal = replayed(tflite_runtime_python, variants / "model-dynamic.tflite", "--unwarned")
    assert report["passed"] is False
    assert min(report["max_error"]) > 5 * report["tolerance"][0]
    assert refusal["error"] == "InterpreterError"
    assert "golden examples" in refusal["problem"]


@pytest.mark.parametrize("mode", ["none", "float16", "int8"])
def test_sound_models_pass_on_tflite_runtime(mode: str, variants: Path, tflite_runtime_python: Path) -> None:
    (report,) = replayed(tflite_runtime_python, variants / f"model-{mode}.tflite")
    assert report["passed"] is True
    assert report["interpreter"].startswith("tflite-runtime 2.14")


def test_a_sound_dynamic_model_passes_on_tflite_runtime(
    variants: Path, tflite_runtime_python: Path, tmp_path: Path
) -> None:
    """The same weights with one scale a dense layer run there, and differ from LiteRT by what rounding explains."""
    content = (variants / "model-none.tflite").read_bytes()
    manifest, golden = read_manifest(content), read_golden(content)
    dynamic = quantize(unpack(TfliteModel(content)).model, Mode.DYNAMIC, per_tensor_operators=("FULLY_CONNECTED",))
    made = make_golden(dynamic, list(golden.inputs), origin="digits", preprocessing=manifest.preprocessing)
    assert made is not None
    path = tmp_path / "dynamic.tflite"
    path.write_bytes(pack(dynamic, manifest._replace(provenance={}), made.content))
    (report,) = replayed(tflite_runtime_python, path)
    assert report["passed"] is True
    assert max(report["max_error"]) < report["tolerance"][0] / 2
