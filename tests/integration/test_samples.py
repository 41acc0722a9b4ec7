"""The samples run as their first lines say."""

from __future__ import annotations

import configparser
import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgekit_runtime
from edgekit.datasets import load_dataset

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def run(sample: str, *arguments: object) -> str:
    command = [sys.executable, str(SAMPLES / sample), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train = [sys.executable, "-m", "edgekit", "train", "--epochs", "3", "--no-augment", "-o", str(folder)]
    subprocess.run(train, check=True, capture_output=True)
    return folder / "model.h5"


@pytest.fixture(scope="module")
def int8_model(model: Path) -> Path:
    assert "model-int8.tflite: top-1 9" in run("convert_in_python.py", model, "digits")
    return model.with_name("model-int8.tflite")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty held-back digits, enlarged as a camera would see them."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number:03}.png" for number in range(20)]
    for path, pixels in zip(paths, load_dataset("digits").x_test, strict=False):
        Image.fromarray(pixels[:, :, 0]).resize((112, 112)).convert("RGB").save(path)
    return paths


@pytest.fixture(scope="module")
def expected(int8_model: Path, pictures: list[Path]) -> list[str]:
    """What the runtime itself answers, which is right for most."""
    answers = [answer.label for answer in edgekit_runtime.load(int8_model).classify(pictures)]
    right = [str(number) for number in load_dataset("digits").y_test[:20]]
    assert sum(left == right for left, right in zip(answers, right, strict=True)) >= 16
    return answers


def test_classify_on_device(int8_model: Path, pictures: list[Path], expected: list[str]) -> None:
    lines = run("classify_on_device.py", int8_model, *pictures).splitlines()
    assert [re.sub(r" \(\d+%\)$", "", line) for line in lines] == [
        f"{path}: {label}" for path, label in zip(pictures, expected, strict=True)
    ]


def test_tour(tmp_path: Path) -> None:
    lines = run("tour.py", tmp_path / "tour").splitlines()
    assert [line[:2] for line in lines] == ["1.", "2.", "3.", "4.", "5."]
    assert sorted(path.name for path in (tmp_path / "tour").glob("*.tflite")) == [
        "model-int8.tflite", "model-none.tflite",
    ]  # fmt: skip
    said, right = lines[3].removeprefix("4. Classified: ").split(" where the digits are ")
    assert sum(left == right for left, right in zip(said.split(), right.split(), strict=True)) >= 8


def changes(model: Path, frames: list[np.ndarray | Path]) -> list[str]:
    """What the camera's program is to print of these frames: the sure answers, each as long as it lasts once."""
    said: list[str] = []
    for answer in edgekit_runtime.load(model).classify(frames):
        label = answer.label if answer.score >= 0.6 else "(not sure)"
        if not said or said[-1] != label:
            said.append(label)
    return said


def test_camera_with_a_folder(int8_model: Path, pictures: list[Path]) -> None:
    lines = run("camera_classifier.py", int8_model, pictures[0].parent).splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == changes(int8_model, list(pictures))
    assert len(lines) > 10


def test_camera_with_opencv(int8_model: Path, pictures: list[Path]) -> None:
    # OpenCV reads numbered pictures as a video.
    lines = run("camera_classifier.py", int8_model, pictures[0].parent / "%03d.png").splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == changes(int8_model, list(pictures))
    command = [sys.executable, str(SAMPLES / "camera_classifier.py"), str(int8_model), "missing.mp4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "OpenCV cannot open missing.mp4.")


PICAMERA2 = """
import sys
import numpy as np
from PIL import Image
class Picamera2:
    def create_video_configuration(self, main):
        return main
    def configure(self, configuration):
        assert configuration == {"size": (640, 480), "format": "BGR888"}
    def start(self):
        self.frames = iter(sys.argv_pictures)
    def capture_array(self, name):
        path = next(self.frames, None)
        if path is None:
            raise KeyboardInterrupt
        return np.asarray(Image.open(path))
    def stop(self):
        print("stopped")
"""


def test_camera_of_a_pi(int8_model: Path, pictures: list[Path], tmp_path: Path) -> None:
    # No test machine has the camera: its module is one that hands out pictures, and Ctrl-C at the end.
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    program = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = [{str(int8_model)!r}]\n"
        f"sys.argv_pictures = {[str(path) for path in pictures]!r}\n"
        f"runpy.run_path({str(SAMPLES / 'camera_classifier.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert last == "stopped"
    assert [line.rpartition(" ")[0] for line in lines] == changes(int8_model, list(pictures))


def test_watch_folder(int8_model: Path, pictures: list[Path], expected: list[str], tmp_path: Path) -> None:
    inbox, target = tmp_path / "inbox", tmp_path / "sorted"
    inbox.mkdir()
    command = [sys.executable, str(SAMPLES / "watch_folder.py"), str(int8_model), str(inbox), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        for path in pictures[:3]:
            shutil.copy(path, inbox)
        (inbox / "broken.png").write_bytes(b"no image")
        (inbox / ".half.png").write_bytes(b"still written")
        end = time.monotonic() + 60
        while len(list(target.rglob("*.png"))) < 4:
            assert time.monotonic() < end and watching.poll() is None
            time.sleep(0.1)
        watching.send_signal(signal.SIGTERM)
        _, stderr = watching.communicate(timeout=30)
    assert (watching.returncode, stderr.replace("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n", "")) == (
        0, "",
    )  # fmt: skip
    assert [path.name for path in inbox.iterdir()] == [".half.png"]
    for path, label in zip(pictures[:3], expected, strict=False):
        assert (target / label / path.name).read_bytes() == path.read_bytes()
    assert (target / "failed" / "broken.png").is_file()
    log = [json.loads(line) for line in (target / "answers.jsonl").read_text().splitlines()]
    assert {line["file"]: line.get("label") for line in log} == {
        "broken.png": None, **{path.name: label for path, label in zip(pictures[:3], expected, strict=False)},
    }  # fmt: skip
    # A second picture of the same name does not replace the first.
    shutil.copy(pictures[0], inbox)
    run("watch_folder.py", int8_model, inbox, target, "--once")
    assert (target / expected[0] / "000-1.png").is_file()


def test_systemd_unit(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(SAMPLES / "watch-folder.service")
    program = unit["Service"]["ExecStart"].split()
    assert Path(program[2]).name == "watch_folder.py"
    folders = [f"/var/lib/{name}" for name in unit["Service"]["StateDirectory"].split()]
    assert folders[1:] == program[4:]
    assert unit["Service"]["Restart"] == "on-failure"
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze on this machine; the fields were read all the same")
    shutil.copy(SAMPLES / "watch-folder.service", tmp_path)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "watch-folder.service")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "watch-folder.service:" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def port(int8_model: Path) -> Iterator[int]:
    command = [sys.executable, str(SAMPLES / "http_service.py"), str(int8_model), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
        assert serving.stdout is not None
        yield int(serving.stdout.readline().removeprefix("Listening on port "))
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=30) == 0


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "application/json"
    return response.status, json.loads(response.read())


def test_http_service_classifies(port: int, pictures: list[Path], expected: list[str]) -> None:
    for path, label in zip(pictures, expected, strict=True):
        status, answer = ask(port, "POST", "/classify?top_k=3", path.read_bytes())
        assert (status, answer["label"], len(answer["top"])) == (200, label, 3)
    status, health = ask(port, "GET", "/health")
    assert (status, health["status"], health["labels"]) == (200, "ok", [str(number) for number in range(10)])


def huge_image() -> bytes:
    file = io.BytesIO()
    Image.new("1", (6000, 6000)).save(file, "PNG")
    return file.getvalue()


HUGE_IMAGE = huge_image()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        pytest.param("POST", "/classify", b"no image", {}, 400, id="no image"),
        pytest.param("POST", "/classify", b"", {}, 400, id="nothing"),
        pytest.param("POST", "/classify?top_k=0", b"x", {}, 400, id="no such top"),
        pytest.param("POST", "/classify", None, {"Content_Length": "10000001"}, 413, id="too large"),
        pytest.param("POST", "/classify", None, {"Content_Length": "-1"}, 400, id="negative length"),
        pytest.param("POST", "/classify", None, {"Content_Length": "9" * 5000}, 400, id="length of 5,000 digits"),
        pytest.param("POST", "/classify", None, {"Content_Length": "\u00b2"}, 400, id="length of other digits"),
        pytest.param("POST", f"/classify?top_k={'9' * 5000}", b"x", {}, 400, id="top of 5,000 digits"),
        pytest.param("POST", "/classify?top_k=%D9%A3", b"x", {}, 400, id="top of other digits"),
        pytest.param("POST", f"/classify?{'top_k=1&' * 5000}", b"x", {}, 400, id="top 5,000 times"),
        pytest.param("POST", "/classify", HUGE_IMAGE, {}, 400, id="an image of 36 million pixels"),
        pytest.param("POST", "/other", b"x", {}, 404, id="no such path"),
        pytest.param("GET", "/classify", None, {}, 404, id="no such page"),
    ],
)
def test_http_service_refuses(
    method: str, path: str, body: bytes | None, headers: dict[str, str], status: int, port: int, pictures: list[Path]
) -> None:
    answered, content = ask(port, method, path, body, **headers)
    assert (answered, list(content)) == (status, ["error"])
    # It goes on serving.
    assert ask(port, "POST", "/classify", pictures[0].read_bytes())[0] == 200


SIGNED = Path(__file__).resolve().parents[1] / "data" / "packed" / "cnn_0.1.0.tflite"


@pytest.mark.parametrize(
    ("sample", "arguments"),
    [
        ("classify_on_device.py", ["IMAGE"]),
        ("camera_classifier.py", ["INBOX"]),
        ("watch_folder.py", ["INBOX", "SORTED", "--once"]),
        ("http_service.py", ["0"]),
    ],
)
def test_samples_take_the_key_that_the_model_has_to_be_signed_with(
    sample: str, arguments: list[str], pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "inbox").mkdir()
    shutil.copy(pictures[0], tmp_path / "inbox")
    places = {"IMAGE": pictures[0], "INBOX": tmp_path / "inbox", "SORTED": tmp_path / "sorted"}
    command = [sys.executable, str(SAMPLES / sample), str(SIGNED), *(str(places.get(a, a)) for a in arguments)]
    wrong = subprocess.run([*command, "--public-key", bytes(32).hex()], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 1
    assert "signed with another key" in wrong.stderr
    with subprocess.Popen(
        [*command, "--public-key", str(SIGNED.with_suffix(".pub.pem"))], stdout=subprocess.PIPE, text=True
    ) as right:
        assert right.stdout is not None
        assert re.search("digit \\d|not sure|Listening", right.stdout.readline())
        right.send_signal(signal.SIGINT)


def test_the_watcher_and_the_camera_pass_pipes_and_links_to_devices_by(
    int8_model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    os.mkfifo(inbox / "a.png")
    (inbox / "b.png").symlink_to("/dev/zero")
    shutil.copy(pictures[0], inbox / "c.png")
    command = [sys.executable, str(SAMPLES / "camera_classifier.py"), str(int8_model), str(inbox)]
    assert len(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.splitlines()) == 1
    command = [sys.executable, str(SAMPLES / "watch_folder.py"), str(int8_model), str(inbox), str(tmp_path / "sorted")]
    done = subprocess.run([*command, "--once"], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert sorted(path.name for path in inbox.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "sample", ["classify_on_device.py", "camera_classifier.py", "watch_folder.py", "http_service.py"]
)
def test_on_the_device_the_runtime_is_enough(sample: str) -> None:
    text = (SAMPLES / sample).read_text()
    assert not re.search(r"^\s*(import|from) (edgekit|edgekit_converters|click|numpy|tensorflow)\b", text, re.MULTILINE)
    assert len(text.splitlines()) <= 125


def test_every_sample_is_listed() -> None:
    listed = (SAMPLES / "README.md").read_text()
    for sample in (*SAMPLES.glob("*.py"), *SAMPLES.glob("*.service")):
        assert f"`{sample.name}`" in listed
