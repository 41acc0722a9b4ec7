"""Devices for the tests: OpenSSH servers of this machine on the loopback address, each with a home of its own."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgekit.devices.ssh import SshDevice
from edgekit_converters.packaging.artifact import pack
from edgekit_converters.packaging.golden_examples import make_golden
from edgekit_runtime.packed_file.manifest import Manifest
from edgekit_runtime.tflite.tflite_model import TfliteModel

DATA = Path(__file__).resolve().parents[2] / "data" / "tflite"

_SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
_CONFIGURATION = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile {folder}/pid
AuthorizedKeysFile {folder}/key.pub
StrictModes no
UsePAM no
PasswordAuthentication no
ForceCommand cd {home} && exec env HOME={home} EDGEKIT_STORE={home}/store sh -c "$SSH_ORIGINAL_COMMAND"
"""


@pytest.fixture(scope="session")
def start_device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], SshDevice]]:
    """Start a server with a home and a store of its own; ``device.options`` have its port and key."""
    if _SSHD is None or shutil.which("ssh-keygen") is None:
        pytest.skip("there is no OpenSSH server on this machine: apt-get install openssh-server")
    # The server's own folder, which its service makes.
    Path("/run/sshd").mkdir(exist_ok=True)
    keys = tmp_path_factory.mktemp("keys")
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)], check=True)
    servers: list[subprocess.Popen[bytes]] = []

    def start() -> SshDevice:
        home = tmp_path_factory.mktemp("home")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        configuration = home.with_suffix(".conf")
        configuration.write_text(_CONFIGURATION.format(port=port, folder=keys, home=home))
        assert _SSHD is not None
        servers.append(subprocess.Popen([_SSHD, "-D", "-e", "-f", str(configuration)], stderr=subprocess.DEVNULL))
        _wait_for(port)
        options = ("-p", str(port), "-i", str(keys / "key"), "-o", "UserKnownHostsFile=/dev/null")
        options = (*options, "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes")
        return SshDevice("127.0.0.1", sys.executable, options)

    yield start
    for server in servers:
        server.terminate()
        server.wait()


def store_of(device: SshDevice) -> Path:
    """The store of a device that :func:`start_device` started, on this machine's disk."""
    done = subprocess.run(device.ssh_command("echo $EDGEKIT_STORE"), capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def _wait_for(port: int) -> None:
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.01)
    pytest.skip("the OpenSSH server did not start")


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Pack a version of a small model, which differs from the others in its first label."""
    plain = TfliteModel((DATA / "cnn_int8_io_float32.tflite").read_bytes())
    with np.load(DATA / "cnn.npz") as arrays:
        golden = make_golden(plain, [arrays["image"][:2]], origin="test")
    assert golden is not None
    folder = tmp_path_factory.mktemp("versions")

    def write(label: str, *, content: bytes = golden.content) -> Path:
        path = folder / f"{label}.tflite"
        path.write_bytes(pack(plain, Manifest(labels=(label, *"bcdefghij")), content))
        return path

    return write


@pytest.fixture(scope="session")
def wrong_golden() -> bytes:
    """Golden examples whose predictions no interpreter gives."""
    with np.load(DATA / "cnn.npz") as arrays:
        golden = make_golden(
            TfliteModel((DATA / "cnn_int8_io_uint8.tflite").read_bytes()), [arrays["image"][:2]], origin="test"
        )
    assert golden is not None
    with np.load(io.BytesIO(golden.content)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["output_0"] = arrays["output_0"][:, :, ::-1] + 0.5
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()
