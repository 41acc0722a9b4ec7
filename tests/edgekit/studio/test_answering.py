"""Answers over HTTP: those of the command line for the same pixels, whatever is sent beside them."""

from __future__ import annotations

import http.client
import io
import json
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.datasets import load_dataset


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def digits() -> list[bytes]:
    return [png(np.squeeze(load_dataset("digits").x_test[place])) for place in range(3)]


def command_line(model: Path, image: Path) -> dict[str, float]:
    """Scores by label that ``edgekit predict`` prints."""
    command = [sys.executable, "-m", "edgekit", "predict", str(model), str(image), "--top-k", "10", "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {entry["label"]: entry["score"] for entry in printed["results"][0]["answers"]}


def scores(answer: dict) -> dict[str, float]:
    return {entry["label"]: entry["score"] for entry in answer["outputs"][0]["top"]}


def test_every_model_answers_as_the_command_line_does(user, models, digits, tmp_path: Path) -> None:
    image = tmp_path / "digit.png"
    image.write_bytes(digits[0])
    answers = user.ask("/api/answers", digits[0]).json["answers"]
    assert [answer["name"] for answer in answers] == [path.name for path in models]
    for answer, path in zip(answers[1:], models[1:], strict=True):
        assert scores(answer) == command_line(path, image)
    # The Keras model runs on Keras itself: equal to its float .tflite up to rounding.
    assert scores(answers[0]) == pytest.approx(scores(answers[-1]), abs=1e-5)


def test_an_image_of_another_size_and_colours_is_prepared_as_predict_does(user, models, tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (61, 47, 3), np.uint8)
    (tmp_path / "photo.png").write_bytes(png(photo))
    answers = user.ask("/api/answers", png(photo)).json
    assert scores(answers["answers"][1]) == command_line(models[1], tmp_path / "photo.png")
    assert (answers["seen"]["height"], answers["seen"]["width"]) == (28, 28)


@pytest.mark.parametrize(
    "body",
    [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
    ids=["empty", "text", "broken PNG", "SVG"],
)
def test_a_broken_image_is_refused_with_a_reason(user, body: bytes) -> None:
    answer = user.ask("/api/answers", body)
    assert answer.status == 400
    assert answer.json["error"]["problem"]


def test_a_truncated_image_is_refused(user, digits) -> None:
    assert user.ask("/api/answers", digits[0][:-30]).status == 400


def test_a_decompression_bomb_is_refused_by_its_header(user) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10_000)) + chunk(b"IEND", b"")
    answer = user.ask("/api/answers", bomb)
    assert answer.status == 400
    assert "too many pixels" in answer.json["error"]["problem"]


def test_50_mb_are_refused_by_the_length_that_is_announced(studio) -> None:
    connection = studio.raw()
    connection.putrequest("POST", "/api/answers")
    connection.putheader("Content-Length", "50000000")
    connection.endheaders(b"\0" * 1000)
    response = connection.getresponse()
    assert response.status == 413
    assert "25 MB at most" in json.loads(response.read())["error"]["problem"]


def test_50_mb_without_a_length_are_refused_while_reading(studio) -> None:
    connection = studio.raw()
    connection.putrequest("POST", "/api/answers")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    sent, piece = 0, b"\0" * 1_000_000
    # The studio closes the connection before all is sent.
    with pytest.raises((BrokenPipeError, ConnectionResetError, http.client.HTTPException, OSError)):
        while sent < 50:
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            sent += 1
        raise AssertionError("50 MB were accepted")
    assert 25 <= sent < 50


def test_json_that_is_none_is_refused(user) -> None:
    for body in (b"{", b"[]", b"[" * 100_000, b'{"inputs": 3}'):
        answer = user.ask("/api/answers", body, headers={"Content-Type": "application/json"})
        assert answer.status == 400


def test_golden_examples_can_be_tried(user) -> None:
    assert user.ask("/api/examples").json == {"images": 3, "texts": []}
    example = user.ask("/api/examples/0.png")
    assert Image.open(io.BytesIO(example.body)).size == (28, 28)
    assert user.ask("/api/answers", example.body).status == 200
    assert user.ask("/api/examples/3.png").status == 404


def test_100_requests_at_once_are_answered_each_with_its_own_answer(user, digits) -> None:
    alone = [scores(user.ask("/api/answers", image).json["answers"][1]) for image in digits]
    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(lambda place: user.ask("/api/answers", digits[place % 3]), range(100)))
    assert {answer.status for answer in found} == {200}
    for place, answer in enumerate(found):
        assert scores(answer.json["answers"][1]) == alone[place % 3]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_memory_stays_flat(studio, user, digits) -> None:
    def resident() -> int:
        status = Path(f"/proc/{studio.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def ask(count: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda place: user.ask("/api/answers", digits[place % 3]), range(count)))
            list(pool.map(lambda _: user.ask("/api/answers", b"\0" * 2_000_000), range(count // 10)))

    ask(100)
    before = resident()
    ask(300)
    assert resident() - before < 20_000_000
