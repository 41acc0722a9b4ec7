"""Forked children: the same bytes, errors and endings as those of a process of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from edgekit_converters.lowering import fork_server as module
from edgekit_converters.lowering.fork_server import ForkedChild, fork_server, running_server
from edgekit_converters.lowering.process import LoweringProcess, LoweringRequest, lower
from edgekit_runtime.errors import ConversionError, ModelFileError

if not hasattr(os, "pidfd_open"):
    pytest.skip("this system cannot watch a process", allow_module_level=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    path = tmp_path_factory.mktemp("source") / "model.keras"
    keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="softmax")]).save(path)
    return path


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of a process outside ``with fork_server()``, which the tests' own session is in."""
    monkeypatch.setattr(module, "_servers", [])


def test_a_fork_gives_the_bytes_of_a_process_of_its_own(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running_server() is not None
    forked = [lower(LoweringRequest(source)) for _ in range(2)]
    monkeypatch.setattr(module, "_servers", [])
    alone = lower(LoweringRequest(source))
    assert [each.model.content for each in forked] == [alone.model.content] * 2
    assert [(each.inputs, each.notes, each.source_sha256) for each in forked] == [
        (alone.inputs, alone.notes, alone.source_sha256)
    ] * 2


def test_an_error_is_the_childs(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04 and nothing else")
    with pytest.raises(ModelFileError, match=r"model\.keras"):
        lower(LoweringRequest(tmp_path / "model.keras"))


def test_a_killed_child_is_explained_and_the_next_one_works(source: Path) -> None:
    with LoweringProcess(LoweringRequest(source)) as process:
        assert isinstance(process._child, ForkedChild)
        os.kill(process._child.pid, signal.SIGKILL)
        with pytest.raises(ConversionError):
            process.result()
    assert process._child.returncode == -signal.SIGKILL
    assert lower(LoweringRequest(source)).inputs


def test_leaving_the_block_ends_the_child(source: Path) -> None:
    with LoweringProcess(LoweringRequest(source)) as process:
        assert isinstance(process._child, ForkedChild)
        assert process._child.poll() is None
    assert process._child.poll() == -signal.SIGKILL


@pytest.mark.usefixtures("no_server")
def test_the_end_of_the_server_ends_its_children(source: Path) -> None:
    with fork_server():
        server = running_server()
        with LoweringProcess(LoweringRequest(source)) as process:
            assert server is not None and server._process is not None
            process.result()
            server._process.kill()
            assert isinstance(process._child, ForkedChild)
            assert process._child.wait() == -signal.SIGKILL
        # Another server takes over.
        assert lower(LoweringRequest(source)).inputs
        with fork_server():
            assert running_server() is server
    assert running_server() is None


def test_a_child_has_the_environment_and_folder_of_its_parent(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    assert lower(LoweringRequest(Path(source.name))).inputs
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    assert lower(LoweringRequest(Path(source.name))).inputs
