"""An emulated 64-bit Pi, built from Debian's packages and the published wheels, does what a Pi does.

Built once; where the machine cannot build it (no apt, no network, another processor), these tests skip and say why.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekit.devices.emulation.catalogue import KINDS
from edgekit.devices.emulation.commands import DeviceUnavailableError
from edgekit.devices.emulation.emulated_pi import EmulatedPi, create, find

TFLITE = Path(__file__).resolve().parents[2] / "data" / "tflite"
EDGEKIT = [sys.executable, "-m", "edgekit", "devices"]
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt-get on this machine")


def devices(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "EDGEKIT_CACHE": str(cache)}
    return subprocess.run([*EDGEKIT, *arguments], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CI names a cache, so that the device is built once for everything; never the user's own."""
    return Path(os.environ.get("EDGEKIT_CACHE") or tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def pi(cache: Path) -> EmulatedPi:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEKIT_CACHE", str(cache))
        try:
            return create(KINDS["pi-arm64"])
        except DeviceUnavailableError as error:
            pytest.skip(f"this machine cannot emulate a Pi: {error.problem} {error.received}")


def test_is_a_64_bit_arm_with_the_published_wheels(pi: EmulatedPi, cache: Path) -> None:
    assert (pi.machine, pi.interpreter) == ("aarch64", "litert 2.3.0")
    assert pi.python.startswith("3.11.")
    assert 50e6 < pi.size_bytes < 300e6
    assert sorted(path.name for path in pi.folder.iterdir()) == ["device.json", "python", "qemu-aarch64", "root"]
    listed = json.loads(devices("list", "--json", cache=cache).stdout)["devices"]
    assert {"name": "pi-arm64", "built": True}.items() <= listed[0].items()


def test_is_not_built_again(pi: EmulatedPi, cache: Path) -> None:
    before = (pi.folder / "device.json").stat()
    done = devices("create", "pi-arm64", "--json", cache=cache)
    assert json.loads(done.stdout)["recipe"] == pi.recipe
    assert (pi.folder / "device.json").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("model", ["cnn_float32", "cnn_int8_io_float32", "many_operators_int8"])
def test_answers_as_this_machine_does(model: str, pi: EmulatedPi, cache: Path) -> None:
    arguments = ["--random", "--samples", "40", "--cpu", "cortex-a53", "--json"]
    done = devices("check", "pi-arm64", str(TFLITE / f"{model}.tflite"), *arguments, cache=cache)
    assert done.returncode == 0, done.stdout + done.stderr
    (comparison,) = json.loads(done.stdout)["comparisons"]
    (output,) = comparison["outputs"]
    assert comparison["device"]["machine"] == "aarch64"
    assert comparison["reference"]["machine"] == "x86_64"
    if "int8" in model:
        assert output["equal"] > 0.98 and output["max_steps"] <= 1
    else:
        assert output["equal"] == 1.0 and output["max_error"] < 1e-5


def test_a_child_of_a_program_runs_there_too(pi: EmulatedPi) -> None:
    program = (
        "import platform, subprocess, sys\n"
        "child = [sys.executable, '-I', '-c', 'import platform, numpy; print(platform.machine())']\n"
        "print(platform.machine(), subprocess.run(child, capture_output=True, text=True, check=True).stdout)\n"
    )
    done = subprocess.run([str(pi.launcher), "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["aarch64", "aarch64"]


def test_run_gives_the_runtime_and_hands_the_exit_code_on(pi: EmulatedPi, cache: Path) -> None:
    model = str(TFLITE / "cnn_int8_io_int8.tflite")
    done = devices("run", "pi-arm64", "--", "-m", "edgekit_runtime", "info", model, "--json", cache=cache)
    assert json.loads(done.stdout)["size_bytes"] == Path(model).stat().st_size
    done = devices("run", "pi-arm64", "--", "-c", "print(open('/proc/cpuinfo').read()); exit(7)", cache=cache)
    assert done.returncode == 7
    assert "CPU part\t: 0xd08" in done.stdout


def test_no_time_is_measured_there(pi: EmulatedPi, cache: Path) -> None:
    model = str(TFLITE / "cnn_float32.tflite")
    done = devices("run", "pi-arm64", "--", "-m", "edgekit_runtime", "bench", model, cache=cache)
    assert done.returncode == 2
    assert "say nothing about a real Pi" in done.stderr


@needs_apt
def test_without_a_network_nothing_is_left(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = devices("create", "pi-arm64", "--mirror", f"http://127.0.0.1:{port}/debian", cache=tmp_path)
    assert done.returncode == 1
    assert "Fetching Debian packages (apt-get update) failed." in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "devices").iterdir()] == ["pi-arm64.lock"]


@needs_apt
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    # A mirror that accepts and never answers: the command waits for it.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}/debian"
        child = subprocess.Popen(
            [*EDGEKIT, "create", "pi-armhf", "--mirror", mirror],
            env={**os.environ, "EDGEKIT_CACHE": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        os.killpg(child.pid, signal.SIGINT)
        _, stderr = child.communicate(timeout=60)
        connection.close()
    assert child.returncode == 1
    assert stderr.strip() == "Interrupted. Files that were there before are unchanged."
    assert [path.name for path in (tmp_path / "devices").iterdir()] == ["pi-armhf.lock"]
    # apt's own children go, too.
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process of the command is left")


def test_what_a_killed_build_left_is_cleared_away(pi: EmulatedPi, cache: Path) -> None:
    leftover = cache / "devices" / ".pi-arm64-killed"
    leftover.mkdir()
    (pi.folder / "device.json").rename(leftover / "device.json")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("EDGEKIT_CACHE", str(cache))
            assert find(KINDS["pi-arm64"]) is None
            patch.setenv("PATH", "")
            with pytest.raises(DeviceUnavailableError, match="built with apt-get, which is not on this machine"):
                create(KINDS["pi-arm64"])
        assert not leftover.exists()
        # The old device stands until a new one is whole.
        assert pi.launcher.exists()
    finally:
        facts = {name: value for name, value in pi.to_dict().items() if name != "folder"}
        (pi.folder / "device.json").write_text(json.dumps(facts))
