"""A signed index on a real web server: devices pull from it, and refuse it in every hostile state."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import edgekit_runtime
from edgekit.artifacts.signing import make_keys, sign_file
from edgekit.cli import cli
from edgekit_runtime.__main__ import main as device
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.store.installation import InstallOptions
from edgekit_runtime.store.pulling import pull
from edgekit_runtime.store.slot import require_slot
from edgekit_runtime.store.status import read_status

pytest.importorskip("tuf", reason="python-tuf is not installed: pip install 'edgekit[fleet]'")

Version = Callable[..., Path]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and a redirect at /elsewhere."""

    def do_GET(self) -> None:
        if not self.path.startswith("/elsewhere"):
            return super().do_GET()
        self.send_response(302)
        self.send_header("Location", self.path.removeprefix("/elsewhere"))
        self.end_headers()
        return None

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Publisher:
    """A workstation's index, a web server on it, and the options of a device that trusts its key."""

    def __init__(self, folder: Path, version: Version) -> None:
        self.folder, self._version, self._work = folder / "public", version, folder
        self.folder.mkdir()
        self.key, public = make_keys(folder / "key.pem")
        self.options = InstallOptions(public_key=public)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(self.folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def signed(self, label: str, release: int, **golden: bytes) -> Path:
        path = self._work / f"{label} it's.tflite"
        sign_file(self._version(label, **golden), self.key, path, str, release=release)
        return path

    def add(self, label: str, release: int, **golden: bytes) -> None:
        self.run("add", str(self.signed(label, release, **golden)), "--name", "digits", "--to", str(self.folder))

    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(cli, ["index", *arguments, "--key", str(self.key)])
        assert done.exit_code == 0, done.output
        return done.output

    def metadata(self, name: str) -> Path:
        return self.folder / "metadata" / name

    def pull(self) -> bool:
        return pull(self.address, "digits", self.options).changed


@pytest.fixture
def publisher(tmp_path: Path, version: Version, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("EDGEKIT_STORE", str(tmp_path / "a store"))
    made = Publisher(tmp_path, version)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_from_the_index_to_the_device(publisher: Publisher, capsys: pytest.CaptureFixture[str]) -> None:
    publisher.add("first", 1)
    arguments = ["pull", publisher.address, "--name", "digits", "--public-key", str(publisher.options.public_key)]
    assert [device(arguments), device(arguments)] == [0, 0]
    first, second = capsys.readouterr().out.splitlines()
    assert "is current; proved on" in first and "is current already" in second
    publisher.add("second", 2)
    assert publisher.pull()
    assert edgekit_runtime.load("digits").labels[0] == "second"
    publisher.run("refresh", str(publisher.folder), "--days", "90")
    assert not publisher.pull()
    shown = CliRunner().invoke(cli, ["index", "show", str(publisher.folder), "--json"]).output
    assert [(each["name"], each["release"]) for each in json.loads(shown)["models"]] == [("digits", 2)]


def test_another_client_of_tuf_accepts_the_index(publisher: Publisher, tmp_path: Path) -> None:
    from tuf.ngclient import Updater

    publisher.add("first", 1)
    publisher.add("second", 2)
    (tmp_path / "client").mkdir()
    updater = Updater(
        metadata_dir=str(tmp_path / "client"),
        metadata_base_url=f"{publisher.address}/metadata/",
        target_dir=str(tmp_path / "client"),
        target_base_url=f"{publisher.address}/targets/",
        bootstrap=publisher.metadata("1.root.json").read_bytes(),
    )
    info = updater.get_targetinfo("digits.tflite")
    assert info is not None
    assert Path(updater.download_target(info)).read_bytes() == publisher.signed("second", 2).read_bytes()


def expired(publisher: Publisher) -> None:
    publisher.run("refresh", str(publisher.folder), "--days", "1e-9")


def rolled_back(publisher: Publisher) -> None:
    old = publisher.metadata("timestamp.json").read_bytes()
    publisher.add("newer", 2)
    publisher.pull()
    publisher.metadata("timestamp.json").write_bytes(old)


def mixed_snapshots(publisher: Publisher) -> None:
    publisher.add("newer", 2)
    publisher.metadata("2.snapshot.json").write_bytes(publisher.metadata("1.snapshot.json").read_bytes())


def mixed_roles(publisher: Publisher) -> None:
    publisher.metadata("timestamp.json").write_bytes(publisher.metadata("1.snapshot.json").read_bytes())


def mixed_targets(publisher: Publisher) -> None:
    publisher.add("newer", 2)
    publisher.metadata("2.targets.json").write_bytes(publisher.metadata("1.targets.json").read_bytes())


def larger_metadata(publisher: Publisher) -> None:
    path = publisher.metadata("1.targets.json")
    path.write_bytes(path.read_bytes() + b" " * 100_000)


def endless_timestamp(publisher: Publisher) -> None:
    publisher.metadata("timestamp.json").write_bytes(b"[" * 30_000)


def deep_timestamp(publisher: Publisher) -> None:
    publisher.metadata("timestamp.json").write_bytes(b"[" * 20_000)


def changed_timestamp(publisher: Publisher) -> None:
    path = publisher.metadata("timestamp.json")
    path.write_bytes(path.read_bytes().replace(b'"expires":"2', b'"expires":"3'))


def other_key(publisher: Publisher) -> None:
    _, public = make_keys(publisher.folder / "other.pem")
    publisher.options = InstallOptions(public_key=public)


def other_model(publisher: Publisher) -> None:
    (target,) = (publisher.folder / "targets").iterdir()
    target.write_bytes(bytes(target.stat().st_size))


def longer_model(publisher: Publisher) -> None:
    (target,) = (publisher.folder / "targets").iterdir()
    target.write_bytes(b"x" * 10 + target.read_bytes())


def cut_model(publisher: Publisher) -> None:
    (target,) = (publisher.folder / "targets").iterdir()
    target.write_bytes(target.read_bytes()[:-1])


def missing_model(publisher: Publisher) -> None:
    (target,) = (publisher.folder / "targets").iterdir()
    target.unlink()


def redirected(publisher: Publisher) -> None:
    publisher.address += "/elsewhere"


def odd_address(publisher: Publisher) -> None:
    publisher.address += "/a b\x1b[2J\n"


def local_file(publisher: Publisher) -> None:
    publisher.address = publisher.folder.as_uri()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (expired, "has expired"),
        (rolled_back, "older than one that this device has seen"),
        (mixed_snapshots, "larger than declared|not the file that the index declares"),
        (mixed_targets, "larger than declared|not the file that the index declares"),
        (mixed_roles, "not valid"),
        (larger_metadata, "larger than declared"),
        (endless_timestamp, "larger than declared"),
        (deep_timestamp, "not valid"),
        (changed_timestamp, "not signed with the key"),
        (other_key, "not signed with the key"),
        (other_model, "another digest"),
        (longer_model, "another digest"),
        (cut_model, "broke off|could not be downloaded"),
        (missing_model, "could not be downloaded"),
        (redirected, "could not be downloaded"),
        (odd_address, "not the address of an index"),
        (local_file, "not the address of an index"),
    ],
)
def test_a_hostile_index_is_refused(change: Callable[[Publisher], None], problem: str, publisher: Publisher) -> None:
    publisher.add("first", 1)
    change(publisher)
    with pytest.raises(EdgekitError, match=problem):
        publisher.pull()


def test_an_interrupted_download_goes_on(publisher: Publisher, tmp_path: Path) -> None:
    publisher.add("first", 1)
    (target,) = (publisher.folder / "targets").iterdir()
    content = target.read_bytes()
    target.write_bytes(content[:1000])
    with pytest.raises(EdgekitError):
        publisher.pull()
    (part,) = (tmp_path / "a store" / ".transfers").iterdir()
    assert part.read_bytes() == content[:1000]
    target.write_bytes(content)
    assert publisher.pull()


def test_a_version_that_the_device_returned_from_is_not_pulled_again(publisher: Publisher) -> None:
    publisher.add("first", 1)
    publisher.pull()
    publisher.add("sick", 2)
    with pytest.raises(EdgekitError, match="false failed"):
        pull(publisher.address, "digits", InstallOptions(public_key=publisher.options.public_key, health="false"))
    with pytest.raises(EdgekitError, match="refused or returned from"):
        publisher.pull()
    assert edgekit_runtime.load("digits").labels[0] == "first"
    assert pull(publisher.address, "digits", publisher.options, retry=True).changed


def test_a_refused_version_is_not_downloaded_again(publisher: Publisher, wrong_golden: bytes) -> None:
    publisher.add("first", 1)
    publisher.pull()
    before = read_status(require_slot("digits"))
    publisher.add("wrong", 2, content=wrong_golden)
    with pytest.raises(EdgekitError, match="does not reproduce"):
        publisher.pull()
    assert read_status(require_slot("digits")) == before
    shutil.rmtree(publisher.folder / "targets")
    with pytest.raises(EdgekitError, match="refused or returned from") as caught:
        publisher.pull()
    assert "does not reproduce" in str(caught.value)
    with pytest.raises(EdgekitError, match="could not be downloaded"):
        pull(publisher.address, "digits", publisher.options, retry=True)
    publisher.add("newer", 3)
    assert publisher.pull()


def test_what_is_not_published(publisher: Publisher, version: Version, tmp_path: Path) -> None:
    def refused(model: Path, *options: str, name: str = "digits") -> str:
        arguments = ["index", "add", str(model), "--name", name, "--to", str(publisher.folder), "--key"]
        done = CliRunner().invoke(cli, [*arguments, *(options or [str(publisher.key)])])
        assert done.exit_code in (1, 2)
        return done.output

    assert "is not signed" in refused(version("unsigned"))
    publisher.add("second", 2)
    assert "older than the version" in refused(publisher.signed("older", 1))
    assert "plain name" in refused(publisher.signed("newest", 3), name="a b")
    other, _ = make_keys(tmp_path / "other.pem")
    sign_file(version("second"), other, tmp_path / "other.tflite", str, release=9)
    assert "signed with another key" in refused(tmp_path / "other.tflite", str(other))
