from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.__main__ import main
from edgekit_runtime.errors import ModelFileError

Capture = pytest.CaptureFixture[str]


def test_info(tflite_folder: Path, capsys: Capture) -> None:
    path = tflite_folder / "dense_float32.tflite"
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out == (
        f"{path}: 1,384 bytes, 2 operators\n"
        "input     serving_default_keras_tensor_12:0  float32  N × 4\n"
        "output    StatefulPartitionedCall_1:0  float32  N × 2\n"
        "operator  FULLY_CONNECTED version 1\n"
        "operator  FULLY_CONNECTED version 1\n"
        "metadata  min_runtime_version, CONVERSION_METADATA\n"
    )


def test_info_of_a_model_with_custom_operators(tflite_folder: Path, capsys: Capture) -> None:
    assert main(["info", str(tflite_folder / "flex_operator.tflite"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["subgraphs"][0]["operators"][0]["custom_code"] == "FlexCholesky"
    assert report["manifest"]["labels"] == []


def test_predict_pixels(tflite_folder: Path, tmp_path: Path, cnn: dict[str, np.ndarray], capsys: Capture) -> None:
    path, pixels = tflite_folder / "cnn_int8_io_int8.tflite", tmp_path / "pixels.npy"
    np.save(pixels, cnn["pixels"][:2])
    expected = edgekit_runtime.load(path).classify(cnn["pixels"][:2], top_k=2)
    assert main(["predict", str(path), str(pixels), "--top-k", "2"]) == 0
    lines = [f"{pixels}: " + ", ".join(f"{e.label} {e.score:.3f}" for e in answer.top) for answer in expected]
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["predict", str(path), str(pixels), "--top-k", "2", "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["answers"] == [answer.to_dict() for answer in expected]


def test_predict_an_image_file(
    tflite_folder: Path, tmp_path: Path, cnn: dict[str, np.ndarray], capsys: Capture
) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    path, image = tflite_folder / "cnn_float32.tflite", tmp_path / "digit.png"
    pillow.fromarray(cnn["pixels"][0, :, :, 0]).save(image)
    assert main(["predict", str(path), str(image), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["answers"] == [edgekit_runtime.load(path).classify(cnn["pixels"][0])[0].to_dict()]


def test_predict_floats(tflite_folder: Path, tmp_path: Path, capsys: Capture) -> None:
    with np.load(tflite_folder / "dense_float32.npz") as arrays:
        rows, expected = arrays["x"], arrays["y"]
    np.save(tmp_path / "rows.npy", rows)
    command = ["predict", str(tflite_folder / "dense_float32.tflite"), str(tmp_path / "rows.npy")]
    assert main([*command, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert np.array(result["outputs"]["output_0"]) == pytest.approx(expected, abs=1e-6)
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'rows.npy'}: output_0 [[")


def test_bench(tflite_folder: Path, capsys: Capture) -> None:
    command = ["bench", str(tflite_folder / "dense_float32.tflite"), "--runs", "5", "--warmup", "0"]
    assert main([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["runs"], report["threads"]) == (5, 1)
    assert report["p50_ms"] > 0
    assert main(command) == 0
    assert "5 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["info", "missing.tflite"], "missing.tflite does not exist", id="missing-model"),
        pytest.param(["info", __file__], "is not a .tflite file", id="foreign-model"),
        pytest.param(["predict", "{model}", "missing.npy"], "missing.npy does not exist", id="missing-input"),
        pytest.param(["predict", "{model}", "{text}"], "is not a .npy file of numbers", id="text-named-npy"),
        pytest.param(["predict", "{model}", "{pickle}"], "is not a .npy file of numbers", id="pickled-objects"),
        pytest.param(["predict", "{model}", "{other}"], "has another shape", id="other-shape"),
    ],
)
def test_errors_are_sentences(
    arguments: list[str], message: str, tflite_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    files = {"model": tflite_folder / "dense_float32.tflite"}
    files.update({name: tmp_path / f"{name}.npy" for name in ("text", "pickle", "other")})
    files["text"].write_text("1 2 3")
    np.save(files["pickle"], np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(files["other"], np.zeros((2, 7)))
    filled = [argument.format(**files) for argument in arguments]
    assert main(filled) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("Error: ")
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert main([*filled, "--json"]) == 1
    assert message in json.loads(capsys.readouterr().out)["problem"]


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ModelFileError):
        main(["info", "missing.tflite", "--debug"])


@pytest.mark.parametrize(
    "arguments",
    [[], ["train"], ["info"], ["bench", "m", "--runs", "0"], ["predict", "m"], ["bench", "m", "--interpreter", "onnx"]],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m edgekit_runtime" in capsys.readouterr().err


def test_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgekit_runtime", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == edgekit_runtime.__version__
