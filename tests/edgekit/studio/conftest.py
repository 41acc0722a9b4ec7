"""A running studio, started by the command itself and spoken to over its port."""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _studio_packages() -> None:
    for name in ("starlette", "uvicorn"):
        pytest.importorskip(name, reason="needs pip install 'edgekit[studio]'")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class User:
    """A browser's cookies, without a browser."""

    def __init__(self, address: str, path: str = "/") -> None:
        self.address = address.partition("?")[0].rstrip("/")
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        self.ask(path)

    def ask(
        self, path: str, body: bytes | None = None, method: str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        request = urllib.request.Request(self.address + path, body, headers or {}, method=method)
        if body is not None and not request.has_header("Content-type"):
            request.add_header("Content-Type", "application/octet-stream")
        try:
            with self._opener.open(request, timeout=120) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def post(self, path: str, content: Any) -> Answer:
        return self.ask(path, json.dumps(content).encode(), headers={"Content-Type": "application/json"})

    def finished(self, answer: Answer) -> Any:
        """The result of a job, once it has ended."""
        import time

        job = answer.json
        while job.get("state") in ("waiting", "running"):
            time.sleep(0.2)
            job = self.ask(f"/api/jobs/{job['id']}").json
        return job


@dataclass
class RunningStudio:
    address: str
    process: subprocess.Popen[str]
    models: Sequence[Path] = field(default_factory=tuple)

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.address)[1])

    def raw(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


@contextmanager
def running_studio(models: Sequence[Path], *options: str) -> Iterator[RunningStudio]:
    """``edgekit studio`` in a process of its own, ended by Ctrl-C."""
    command = [sys.executable, "-m", "edgekit", "studio", *map(str, models), "--no-open", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, line + process.stderr.read()
            yield RunningStudio(found[0], process, tuple(models))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def models(trained_folder: Path, variants_folder: Path) -> tuple[Path, ...]:
    names = ("int8", "dynamic", "float16", "none")
    return (trained_folder / "model.h5", *(variants_folder / f"model-{name}.tflite" for name in names))


@pytest.fixture(scope="session")
def studio(models: tuple[Path, ...]) -> Iterator[RunningStudio]:
    """One studio for all tests, with the Keras model, four variants and the built-in digits."""
    with running_studio(models, "--data", "digits") as running:
        yield running


@pytest.fixture
def user(studio: RunningStudio) -> User:
    return User(studio.address)


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """axe-core from npm, or from the file that EDGEKIT_AXE names; None where neither can be had."""
    if "EDGEKIT_AXE" in os.environ:
        return Path(os.environ["EDGEKIT_AXE"])
    if shutil.which("npm") is None:
        return None
    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4.10"]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return folder / "node_modules" / "axe-core" / "axe.min.js"


def browse(what: str, address: str, width: int, scheme: str, folder: Path, axe: Path | None) -> dict[str, Any]:
    """What a visit in Chromium showed; skips where there is no Chromium."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("Chromium is not installed here (Debian: apt-get install chromium)")
    browsing = Path(__file__).with_name("browsing.py")
    command = [sys.executable, str(browsing), what, address, str(width), scheme, str(folder)]
    done = subprocess.run([*command, *([str(axe)] if axe else [])], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
