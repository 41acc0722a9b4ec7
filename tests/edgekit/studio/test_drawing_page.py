"""The page that the HTTP sample serves on the device: the studio's drawing code, in one file."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import browse

ROOT = Path(__file__).resolve().parents[3]


def test_it_draws_with_the_studios_code() -> None:
    drawing = (ROOT / "edgekit" / "studio" / "static" / "drawing.js").read_text()
    code = drawing[drawing.index("const PEN_SHARE") : drawing.index("export {")].strip()
    assert code in (ROOT / "samples" / "drawing_page.html").read_text()


def test_it_needs_nothing_else() -> None:
    page = (ROOT / "samples" / "drawing_page.html").read_text()
    assert re.findall(r"""(?:src|href)=["'](?!data:)""", page) == []
    assert "http://" not in page
    assert "https://" not in page
    # The policy allows scripts and styles by their digest: neither handlers nor style attributes.
    assert re.findall(r"""\s(?:on\w+|style)=["']""", page) == []


@pytest.fixture(scope="module")
def model(models: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The int8 model with labels that a page must not take for markup."""
    folder = tmp_path_factory.mktemp("hostile")
    labels = [f"<img/src=x/onerror=alert({digit})>{digit}" for digit in range(10)]
    (folder / "labels.txt").write_text("\n".join(labels))
    arguments = ["pack", str(models[1]), "--labels", str(folder / "labels.txt")]
    arguments += ["--data", "digits", "--output", str(folder / "model.tflite")]
    subprocess.run([sys.executable, "-m", "edgekit", *arguments], check=True, capture_output=True)
    return folder / "model.tflite"


@pytest.fixture(scope="module")
def service(model: Path) -> Iterator[str]:
    """The address of the sample with that model."""
    command = [sys.executable, str(ROOT / "samples" / "http_service.py"), str(model), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().removeprefix('Listening on port ').strip()}/"
        process.terminate()


def test_the_sample_serves_it_with_a_policy_without_inline_exceptions(service: str) -> None:
    with urllib.request.urlopen(service) as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.read() == (ROOT / "samples" / "drawing_page.html").read_bytes()
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_a_drawn_digit_gets_the_answer_of_the_command_line(
    width: int, scheme: str, service: str, model: Path, axe: Path | None, tmp_path: Path
) -> None:
    visit = browse("sample", service, width, scheme, tmp_path, axe)
    (tmp_path / "drawing.png").write_bytes(base64.b64decode(visit["drawing"].partition(",")[2]))
    command = [sys.executable, "-m", "edgekit", "predict", str(model), str(tmp_path / "drawing.png")]
    printed = subprocess.run([*command, "--top-k", "5", "--json"], capture_output=True, text=True, check=True).stdout
    answers = json.loads(printed)["results"][0]["answers"]
    assert visit["label"] == answers[0]["label"]
    assert [row.split() for row in visit["scores"]] == [[each["label"], f"{each['score']:.3f}"] for each in answers]
    assert visit["width"] == width
    assert visit["complaints"] == []
    assert [url for url in visit["requests"] if not url.startswith((service, "data:", "blob:"))] == []
    assert visit.get("axe", []) == []
