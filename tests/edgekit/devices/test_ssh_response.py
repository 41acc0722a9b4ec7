"""A device that answers anything at all: each answer is written where it belongs, or is a sentence."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.devices import ssh_response
from edgekit.devices.comparison import Tolerance, compare_on
from edgekit.devices.device import this_machine
from edgekit.devices.golden_verification import verify_golden_on
from edgekit.devices.inputs import random_inputs
from edgekit.devices.predictions import predictions_of, report_of
from edgekit.devices.ssh import SshDevice
from edgekit.devices.ssh_response import parse_response
from edgekit_runtime import load
from edgekit_runtime.errors import EdgekitError

MODEL = Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_int8_io_float32.tflite"


def tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(content), kind, link
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def answer(out: bytes = b"", err: bytes = b"", files: bytes = b"") -> bytes:
    return b"0 %d %d\n" % (len(out), len(err)) + out + err + (files or tar())


def sparse() -> bytes:
    """One that claims a terabyte, of which it stores 512 bytes."""
    content = bytearray(tar(("work/outputs.npz", bytes(512))))
    content[156:157] = tarfile.GNUTYPE_SPARSE
    content[386:410] = b"%011o\0%011o\0" % (0, 512)
    content[483:495] = (0x80_00_00_00_00_00_00_00_00_00_00_00 | 10**12).to_bytes(12, "big")
    header = content[:148] + b" " * 8 + content[156:512]
    content[148:156] = b"%06o\0 " % sum(header)
    return bytes(content)


def compressed(content: bytes) -> bytes:
    import gzip

    return gzip.compress(content)


def test_an_honest_answer_is_taken_apart() -> None:
    received = parse_response(b"7       3       4\nouterr!" + tar(("work/a/x.npy", b"1"), ("work/it is.txt", b"2")))
    assert received == (7, "out", "err!", {"x.npy": b"1", "it is.txt": b"2"})


@pytest.mark.parametrize(
    ("received", "says"),
    [
        pytest.param(b"", "a first line ''", id="nothing"),
        pytest.param(b"Welcome to Raspbian\n" + answer(), "Welcome", id="a-greeting"),
        pytest.param(b"0 1\n", "a first line", id="two-numbers"),
        pytest.param(b"0 -1 5\nabcdef", "a first line", id="negative"),
        pytest.param("0 ٣ 0\nabc".encode(), "a first line", id="other-digits"),
        pytest.param(b"0 " + b"9" * 5000 + b" 0\n", "a first line", id="5000-digits"),
        pytest.param(b"x" * 1_000_000, "a first line", id="no-line-end"),
        pytest.param(b"0 5 5\nabc", "3 bytes of 10", id="cut-off"),
        pytest.param(b"0 0 0\nno tar at all" + bytes(1000), "no tar file", id="no-tar"),
        pytest.param(answer(files=compressed(tar(("a", b"1")))), "no tar file", id="compressed"),
        pytest.param(answer(files=tar(("work/a", b"1" * 2000))[:1024]), "not a plain file", id="cut-tar"),
        pytest.param(answer(files=sparse()), "not a plain file", id="sparse"),
        *(
            pytest.param(answer(files=tar(("work/a", b""), kind=kind, link="/etc/passwd")), "not a plain file", id=name)
            for name, kind in (
                ("symbolic-link", tarfile.SYMTYPE),
                ("hard-link", tarfile.LNKTYPE),
                ("device", tarfile.CHRTYPE),
                ("pipe", tarfile.FIFOTYPE),
                ("folder", tarfile.DIRTYPE),
            )
        ),
        pytest.param(answer(files=tar(("..", b"1"))), "a file '..'", id="dots"),
        pytest.param(answer(files=tar((r"work/..\..\x", b"1"))), "a file", id="backslashes"),
    ],
)
def test_a_malformed_answer_is_a_sentence(received: bytes, says: str) -> None:
    with pytest.raises(EdgekitError, match="an invalid response") as error:
        parse_response(received)
    assert says in error.value.received


def test_nothing_is_written_outside_or_through_a_link(tmp_path: Path) -> None:
    package, folder = tmp_path / "package", tmp_path / "folder"
    package.mkdir()
    folder.mkdir()
    (tmp_path / "outside.txt").write_text("as it was")
    (folder / "edgekit_runtime").symlink_to(package)
    (folder / "file").symlink_to(tmp_path / "outside.txt")
    for name in ("edgekit_runtime", "file"):
        with pytest.raises(EdgekitError, match="an invalid response"):
            parse_response(answer(files=tar((f"work/{name}", b"evil")))).write_files(folder)
    parse_response(answer(files=tar(("/absolute/x", b"1"), ("../../y", b"2")))).write_files(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["edgekit_runtime", "file", "x", "y"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "outside.txt", "package"]
    assert (tmp_path / "outside.txt").read_text() == "as it was"


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], SshDevice]:
    """A device whose answers to anything are bytes of ours: what the program ``ssh`` passes on from it."""

    def make(received: bytes) -> SshDevice:
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "answer").write_bytes(received)
        (tools / "ssh").write_text(f"#!/bin/sh\ncat >{tools}/asked\ncat {tools}/answer\n")
        (tools / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        return SshDevice("hostile")

    return make


def npz(*arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, *arrays)
    return file.getvalue()


FACTS = json.dumps({"machine": "m", "python": "p", "numpy": "n", "interpreter": "i"}).encode()


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(answer(FACTS), id="no-outputs"),
        pytest.param(answer(b'{"machine": 1}', files=tar(("outputs.npz", npz(np.ones(3))))), id="other-facts"),
        pytest.param(answer(b'{"name": "x"}', files=tar(("outputs.npz", npz(np.ones(3))))), id="facts-of-our-own"),
        pytest.param(answer(b"[1]"), id="a-list"),
        pytest.param(answer(b"[" * 100_000), id="deep-JSON"),
        pytest.param(answer(b'{"error": 1}'), id="an-error-without-text"),
        pytest.param(answer(FACTS, files=tar(("outputs.npz", b"no npz"))), id="no-npz"),
        pytest.param(answer(FACTS, files=tar(("outputs.npz", npz(np.array([{}]))))), id="pickled"),
        pytest.param(answer(FACTS, files=tar(("outputs.npz", npz(np.array(["x"]))))), id="texts"),
        pytest.param(answer(FACTS, files=tar(("outputs.npz", npz(np.ones((5, 3)))))), id="other-shape"),
        pytest.param(answer(FACTS, files=tar(("outputs.npz", npz()))), id="no-arrays"),
    ],
)
def test_an_answer_that_no_program_of_ours_gives_is_a_sentence(
    received: bytes, hostile: Callable[[bytes], SshDevice]
) -> None:
    device = hostile(received)
    inputs = random_inputs(load(MODEL), 2, seed=0)
    with pytest.raises(EdgekitError):
        compare_on(device, this_machine(), MODEL, inputs, Tolerance())
    with pytest.raises(EdgekitError):
        verify_golden_on(device, MODEL)


def test_an_answer_without_end_is_cut(
    hostile: Callable[[bytes], SshDevice], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_response, "LARGEST_RESPONSE_BYTES", 1_000_000)
    device = hostile(b"")
    (tmp_path / "tools" / "ssh").write_text("#!/bin/sh\ncat /dev/zero & exec cat /dev/zero >&2\n")
    with pytest.raises(EdgekitError, match="an invalid response") as error:
        predictions_of(device, MODEL, [np.zeros((1, 12, 12, 1), np.float32)])
    assert "more than 1,000,000 bytes" in error.value.received


def test_a_report_that_is_not_an_object_is_a_sentence() -> None:
    done = this_machine().run(["-c", "print([1])"], Path.cwd())
    with pytest.raises(EdgekitError, match="an invalid response"):
        report_of(this_machine(), MODEL, done)
