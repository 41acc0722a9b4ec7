from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.__main__ import main
from edgekit_runtime.errors import ModelFileError
from edgekit_runtime.interpreters.choosing import choose_interpreter

Capture = pytest.CaptureFixture[str]


def test_info(tflite_folder: Path, capsys: Capture) -> None:
    path = tflite_folder / "dense_float32.tflite"
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out == (
        f"{path}: 1,384 bytes, 2 operators\n"
        "input     keras_tensor_12  float32  N × 4\n"
        "output    output_0  float32  N × 2\n"
        "operator  2 × FULLY_CONNECTED version 1\n"
        "metadata  min_runtime_version, CONVERSION_METADATA\n"
        "task      input keras_tensor_12 is numbers\n"
        "task      output output_0 is values\n"
    )


def test_info_of_a_model_with_custom_operators(tflite_folder: Path, capsys: Capture) -> None:
    assert main(["info", str(tflite_folder / "flex_operator.tflite"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["subgraphs"][0]["operators"][0]["custom_code"] == "FlexCholesky"
    assert report["manifest"]["labels"] == []


def test_a_count_that_is_none(tflite_folder: Path, capsys: Capture) -> None:
    for count in ("x", "0", "1.5", "9" * 5000, "\u0663"):
        with pytest.raises(SystemExit):
            main(["predict", str(tflite_folder / "cnn_float32.tflite"), "x.npy", "--threads", count])
        assert "--threads: must be a whole number, at least 1" in capsys.readouterr().err


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


def test_bench(tflite_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit_runtime.device_benchmark.THROUGHPUT_SECONDS", 0.05)
    # The memory of this process is not included in the value of the measured process.
    held = np.ones(500_000_000 // 8)
    command = ["bench", str(tflite_folder / "two_in_two_out.tflite"), "--runs", "5", "--warmup", "0"]
    assert main([*command, "--threads", "1", "--threads", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [entry["num_threads"] for entry in report["threads"]] == [1, 2]
    for entry in report["threads"]:
        assert entry["latency"]["runs"] == 5
        assert min(entry["load_ms"], entry["first_ms"], entry["latency"]["p50_ms"]) > 0
    assert report["batch_images_per_second"] > 0
    # The cold start includes a whole process that loads numpy and an interpreter.
    assert report["cold_start_ms"] > report["threads"][0]["latency"]["p50_ms"]
    assert 10 < report["peak_memory_mb"] < held.nbytes / 1e6
    assert report["after"]["cores"] >= 1
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "images/s" in shown
    assert "cold start to the first prediction: " in shown


def test_bench_of_a_model_without_a_batch_axis(tflite_folder: Path) -> None:
    from edgekit_runtime.device_benchmark import benchmark

    report = benchmark("", lambda num_threads: edgekit_runtime.load(tflite_folder / "lstm_batch1.tflite"), [1], 2, 0)
    assert report.batch_images_per_second > 0
    # A process cannot load the path "".
    assert report.cold_start_ms is None


def test_info_about_the_device(capsys: Capture) -> None:
    assert main(["info", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["edgekit_runtime"] == edgekit_runtime.__version__
    assert report["numpy"] == np.__version__
    installed = choose_interpreter()
    assert report[installed.name] == installed.version
    assert main(["info"]) == 0
    assert f"{installed.name:<16}{installed.version}\n" in capsys.readouterr().out


@pytest.fixture
def with_golden(tflite_folder: Path, tmp_path: Path) -> Callable[[float], Path]:
    """Pack the dense model with its examples and Keras's predictions, which are changed by some amount."""

    def pack(change: float) -> Path:
        with np.load(tflite_folder / "dense_float32.npz") as arrays:
            rows, answers = arrays["x"], arrays["y"]
        golden = io.BytesIO()
        np.savez(golden, input_0=rows, output_0=answers[:, np.newaxis] + change, tolerance=np.array([1e-4]))
        path = tmp_path / "golden.tflite"
        path.write_bytes((tflite_folder / "dense_float32.tflite").read_bytes())
        with zipfile.ZipFile(path, "a") as parts:
            parts.writestr("golden.npz", golden.getvalue())
        return path

    return pack


def test_verify_passes(with_golden: Callable[[float], Path], capsys: Capture) -> None:
    path = with_golden(0.0)
    assert main(["verify", str(path)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{path} on {choose_interpreter().name} ")
    assert ": passed; errors up to " in shown


def test_verify_fails_with_3(with_golden: Callable[[float], Path], capsys: Capture) -> None:
    path = with_golden(0.5)
    assert main(["verify", str(path)]) == 3
    assert ": FAILED; errors up to 0.5, at most 0.0001 allowed" in capsys.readouterr().out
    assert main(["verify", str(path), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_verify_needs_golden_examples(tflite_folder: Path, capsys: Capture) -> None:
    assert main(["verify", str(tflite_folder / "dense_float32.tflite")]) == 1
    assert "has no golden examples" in capsys.readouterr().err


def test_lines_of_json(tflite_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    model = edgekit_runtime.load(tflite_folder / "two_in_two_out.tflite")
    inputs = {i.name: np.ones((2, *i.shape[1:]), np.float32) for i in model.inputs}
    lines = [
        json.dumps({name: values.tolist() for name, values in inputs.items()}),
        json.dumps({name: values[0].astype(int).tolist() for name, values in inputs.items()}),
        "[1, 2",
        json.dumps({name: [["text"]] for name in inputs}),
        json.dumps("image.png"),
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    assert main(["predict", str(tflite_folder / "two_in_two_out.tflite"), "-"]) == 1
    shown = capsys.readouterr()
    answers = [json.loads(line) for line in shown.out.splitlines()]
    expected = model.predict(inputs)
    assert isinstance(expected, dict)
    for name, values in expected.items():
        assert np.array(answers[0]["outputs"][name]) == pytest.approx(values)
        assert np.array(answers[1]["outputs"][name]) == pytest.approx(values[:1])
    assert [answer["line"] for answer in answers[2:]] == [3, 4, 5]
    assert [answer["error"] for answer in answers[2:]] == ["DataError", "DataError", "TensorMismatchError"]
    assert "3 of the lines could not be processed" in shown.err


def test_a_line_with_the_path_of_an_image(
    tflite_folder: Path, tmp_path: Path, cnn: dict[str, np.ndarray], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    path, image = tflite_folder / "cnn_int8_io_uint8.tflite", tmp_path / "digit.png"
    pillow.fromarray(cnn["pixels"][0, :, :, 0]).save(image)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(str(image))))
    assert main(["predict", str(path), "-"]) == 0
    expected = edgekit_runtime.load(path).classify(cnn["pixels"][0])[0].to_dict()
    assert json.loads(capsys.readouterr().out) == {"answers": [expected]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["info", "missing.tflite"], "missing.tflite does not exist", id="missing-model"),
        pytest.param(["info", __file__], "is not a .tflite file", id="foreign-model"),
        pytest.param(["predict", "{model}", "missing.npy"], "missing.npy does not exist", id="missing-input"),
        pytest.param(["predict", "{model}", "{text}"], "is not a .npy file of numbers", id="text-named-npy"),
        pytest.param(["predict", "{model}", "{pickle}"], "is not a .npy file of numbers", id="pickled-objects"),
        pytest.param(["predict", "{model}", "{other}"], "has the wrong shape", id="other-shape"),
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
    [
        [],
        ["train"],
        ["verify"],
        ["bench", "m", "--runs", "0"],
        ["predict", "m"],
        ["bench", "m", "--interpreter", "onnx"],
    ],
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


def test_a_reader_that_has_seen_enough(tflite_folder: Path) -> None:
    command = [sys.executable, "-m", "edgekit_runtime", "info", str(tflite_folder / "many_operators.tflite")]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")


PACKED = Path(__file__).parent.parent / "data" / "packed"


@pytest.mark.parametrize("form", ["file", "hex"])
def test_predict_and_bench_take_the_key_that_a_model_has_to_be_signed_with(
    form: str, cnn: dict[str, np.ndarray], tmp_path: Path, capsys: Capture
) -> None:
    from edgekit_runtime.packed_file.signature import read_public_key

    key = str(PACKED / "cnn_0.1.0.pub.pem")
    if form == "hex":
        key = read_public_key(key).hex()
    model, pixels = str(PACKED / "cnn_0.1.0.tflite"), tmp_path / "pixels.npy"
    np.save(pixels, cnn["pixels"][:1])
    for command in (["predict", model, str(pixels)], ["bench", model, "--runs", "1", "--threads", "1", "--json"]):
        assert main([*command, "--public-key", key]) == 0
        assert main([*command, "--public-key", bytes(32).hex()]) == 1
        captured = capsys.readouterr()
        assert "signed with another key" in captured.out + captured.err


def test_bench_loads_only_signed_models_in_the_processes_that_it_starts(capsys: Capture) -> None:
    model, key = str(PACKED / "cnn_0.1.0.tflite"), str(PACKED / "cnn_0.1.0.pub.pem")
    assert main(["bench", model, "--runs", "1", "--threads", "1", "--json", "--public-key", key]) == 0
    assert json.loads(capsys.readouterr().out)["cold_start_ms"] > 0
    from edgekit_runtime.device_benchmark import benchmark

    report = benchmark(model, lambda num_threads: edgekit_runtime.load(model), [1], 1, 0, public_key=bytes(32).hex())
    assert report.cold_start_ms is None
