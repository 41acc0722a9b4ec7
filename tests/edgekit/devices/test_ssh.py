"""A device over SSH, for which this machine stands: a real server on its loopback address, from a Debian package."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit.devices.comparison import Tolerance, compare_on
from edgekit.devices.device import this_machine
from edgekit.devices.emulation.catalogue import BOOKWORM
from edgekit.devices.emulation.commands import DeviceUnavailableError
from edgekit.devices.emulation.debian_packages import PackageSource, find_archive, unpack
from edgekit.devices.inputs import random_inputs
from edgekit.devices.ssh import SshDevice
from edgekit_runtime.errors import EdgekitError

MODEL = Path(__file__).resolve().parents[2] / "data" / "tflite" / "cnn_int8_io_float32.tflite"
ANYBODY = ("-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshDevice]:
    if shutil.which("ssh") is None or shutil.which("apt-get") is None:
        pytest.skip("there is no ssh or no apt-get on this machine")
    folder = tmp_path_factory.mktemp("ssh")
    try:
        source = PackageSource(folder / "apt", find_archive(), "amd64", BOOKWORM.name)
        unpack(source.fetch(["dropbear-bin", "libnss-wrapper"]), folder / "root")
    except DeviceUnavailableError as error:
        pytest.skip(f"no SSH server could be had: {error.problem} {error.received}")
    key, home, root = folder / "key", folder / "home", folder / "root"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    shutil.copy(f"{key}.pub", home / ".ssh" / "authorized_keys")
    (home / ".ssh" / "authorized_keys").chmod(0o600)
    # The server looks for keys in the user's home: for it alone, that is another folder.
    user = f"{getpass.getuser()}:x:{os.getuid()}:{os.getgid()}::{home}:/bin/sh\n"
    (folder / "passwd").write_text(user)
    (folder / "group").write_text(f"{getpass.getuser()}:x:{os.getgid()}:\n")
    # Only what the server lacks: the machine's own C library is the one that fits its shell.
    for name in (*root.rglob("libtom*.so*"), *root.rglob("libnss_wrapper.so*")):
        shutil.copy(name, folder)
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(folder),
        "LD_PRELOAD": str(folder / "libnss_wrapper.so"),
        "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
        "NSS_WRAPPER_GROUP": str(folder / "group"),
    }
    make_key = [str(root / "usr/bin/dropbearkey"), "-t", "ed25519", "-f", str(folder / "host-key")]
    subprocess.run(make_key, env=environment, check=True, capture_output=True)
    port = free_port()
    server = [str(root / "usr/sbin/dropbear"), "-F", "-E", "-s", "-r", str(folder / "host-key")]
    with subprocess.Popen(
        [*server, "-p", f"127.0.0.1:{port}", "-P", str(folder / "pid")], env=environment, stderr=subprocess.PIPE
    ) as serving:
        time.sleep(0.5)
        if serving.poll() is not None:
            assert serving.stderr is not None
            pytest.skip(f"the SSH server does not run here: {serving.stderr.read().decode()[-200:]}")
        options = ("-p", str(port), "-i", str(key), "-o", "IdentitiesOnly=yes", *ANYBODY)
        yield SshDevice(f"{getpass.getuser()}@127.0.0.1", sys.executable, options)
        serving.terminate()


def test_answers_come_back(device: SshDevice) -> None:
    inputs = random_inputs(edgekit_runtime.load(MODEL), 50, seed=0)
    comparison = compare_on(device, this_machine(), MODEL, inputs, Tolerance())
    (output,) = comparison.outputs
    assert (output.equal, output.max_error, comparison.failures) == (1.0, 0.0, ())
    assert comparison.device.name == device.host


def test_files_output_and_exit_code_come_back_and_nothing_stays(device: SshDevice, tmp_path: Path) -> None:
    (tmp_path / "read.txt").write_text("as it was")
    program = (
        "import pathlib, sys, numpy; print(pathlib.Path('read.txt').read_text()); print(pathlib.Path.cwd());"
        "numpy.save('written.npy', numpy.arange(5)); print('it\\'s \"said\"', file=sys.stderr); sys.exit(7)"
    )
    (tmp_path / "it is $HOME.py").write_text(program)
    done = device.run(["it is $HOME.py"], tmp_path)
    said, folder = done.stdout.splitlines()
    assert (done.returncode, said, done.stderr) == (7, "as it was", 'it\'s "said"\n')
    assert np.load(tmp_path / "written.npy").tolist() == [0, 1, 2, 3, 4]
    assert not Path(folder).exists()


def test_a_host_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    nobody = SshDevice("127.0.0.1", options=("-p", str(free_port()), *ANYBODY))
    with pytest.raises(EdgekitError, match=r"127\.0\.0\.1 could not be reached") as error:
        nobody.run(["program.py"], tmp_path)
    assert "ssh 127.0.0.1 python3 --version" in error.value.next_step


def test_a_key_that_is_not_known_is_a_sentence(device: SshDevice, tmp_path: Path) -> None:
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    options = tuple(str(key) if option.endswith("/key") else option for option in device.options)
    with pytest.raises(EdgekitError, match="could not be reached") as error:
        SshDevice(device.host, device.python, options).run(["program.py"], tmp_path)
    assert "Permission denied" in error.value.received


def test_a_python_that_is_not_there_is_a_sentence(device: SshDevice) -> None:
    inputs = random_inputs(edgekit_runtime.load(MODEL), 2, seed=0)
    with pytest.raises(EdgekitError, match="could not run") as error:
        compare_on(SshDevice(device.host, "/no/python", device.options), this_machine(), MODEL, inputs, Tolerance())
    assert "/no/python" in error.value.received
