"""Downloads from a real server on this machine: whole, resumed, wrong, absent."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgekit.datasets.downloading import Download, fetch
from edgekit_runtime.errors import DataError

CONTENT = bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; notes the ranges asked for; breaks off after ``cut`` bytes where that is set."""

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)  # type: ignore[attr-defined]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.resumes else 0  # type: ignore[attr-defined]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.cut])  # type: ignore[attr-defined]

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.ranges, httpd.cut, httpd.resumes = [], None, True  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def download_from(server: ThreadingHTTPServer, content: bytes = CONTENT) -> Download:
    url = f"http://127.0.0.1:{server.server_port}/data.npz"
    return Download(url, hashlib.sha256(content).hexdigest(), len(CONTENT))


def test_a_whole_file(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    [path] = fetch([download_from(server)], tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["data.npz"]


def test_a_file_that_is_there_is_not_fetched_again(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(CONTENT)
    fetch([download_from(server)], tmp_path)
    assert server.ranges == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("resumes", [True, False], ids=["server resumes", "server starts anew"])
def test_a_download_that_broke_off_goes_on(resumes: bool, server: ThreadingHTTPServer, tmp_path: Path) -> None:
    server.cut, server.resumes = 100_000, resumes  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        fetch([download_from(server)], tmp_path)
    assert "run again to go on" in caught.value.next_step
    assert (tmp_path / "data.npz.part").stat().st_size == 100_000
    server.cut = None  # type: ignore[attr-defined]
    [path] = fetch([download_from(server)], tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-"]  # type: ignore[attr-defined]


def test_a_wrong_download_is_removed(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    download = download_from(server, b"other content")
    with pytest.raises(DataError, match="is not the file that it should be") as caught:
        fetch([download], tmp_path)
    assert caught.value.expected == f"SHA-256 {download.sha256}"
    assert caught.value.received == f"SHA-256 {hashlib.sha256(CONTENT).hexdigest()}"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_that_somebody_put_there_stays(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "data.npz").write_bytes(b"mine")
    with pytest.raises(DataError, match="is not the file that it should be") as caught:
        fetch([download_from(server)], tmp_path)
    assert "delete it to have it downloaded" in caught.value.next_step
    assert (tmp_path / "data.npz").read_bytes() == b"mine"
    assert server.ranges == []  # type: ignore[attr-defined]


def test_without_a_network_the_message_says_what_to_put_where(tmp_path: Path) -> None:
    # Port 1 on this machine: nothing listens there.
    here, absent = (Download(f"http://127.0.0.1:1/{name}", hashlib.sha256(b"").hexdigest(), 1) for name in "ab")
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(DataError, match="b could not be downloaded") as caught:
        fetch([here, absent], tmp_path)
    assert caught.value.received == "[Errno 111] Connection refused"
    assert caught.value.next_step == (
        f"run again to go on with it, or get http://127.0.0.1:1/b elsewhere and put it into {tmp_path}"
    )


def test_a_cache_that_cannot_be_written_is_a_sentence(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        fetch([download_from(server)], tmp_path / "cache")
    assert "File exists" in caught.value.received
