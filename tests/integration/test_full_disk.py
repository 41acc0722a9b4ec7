"""A disk that fills up while a command writes: a real, tiny file system where the kernel lets us mount one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgekit.cli import cli

#: Runs a program in a mount namespace of its own, with ``disk`` being a file system of the given size.
IN_TINY_DISK = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


def run_on_tiny_disk(size: str, disk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", IN_TINY_DISK, "sh", size, str(disk), *command],
        capture_output=True,
        text=True,
    )


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        probe = run_on_tiny_disk("100k", folder, "true")
    except FileNotFoundError:
        pytest.skip("this machine has no unshare command")
    if probe.returncode:
        pytest.skip(f"this kernel lets nobody mount a tmpfs: {probe.stderr.strip()}")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgekit.training.reference_cnn import build

    path = tmp_path_factory.mktemp("model") / "model.h5"
    build((28, 28, 1), 10).save(path)
    return path


def test_convert_keeps_the_old_file_when_the_disk_is_full(disk: Path, model: Path) -> None:
    # The float model takes 376 kB; the disk holds 100 kB. The old file's content is shown after the command.
    program = (
        f"echo -n old > {disk}/model.tflite; {sys.executable} -m edgekit convert {model} -o {disk}/model.tflite; "
        f"echo code $?; cat {disk}/model.tflite; echo; ls -A {disk}"
    )
    done = run_on_tiny_disk("100k", disk, "sh", "-c", program)
    assert done.stdout.splitlines() == ["code 1", "old", "model.tflite"]
    assert "model.tflite could not be written" in done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("size", ["4k", "300k"])
def test_train_refuses_a_full_disk_before_the_first_epoch(size: str, disk: Path) -> None:
    # Thirty epochs would take minutes.
    done = run_on_tiny_disk(size, disk, sys.executable, "-m", "edgekit", "train", "-o", str(disk))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-3:] == [
        f"Error: {disk}/training.json could not be written.",
        "  received: No space left on device",
        "  next:     free some space or choose another folder; the previous file, if any, is unchanged",
    ]


def test_train_refuses_a_read_only_folder_before_the_first_epoch(disk: Path) -> None:
    done = run_on_tiny_disk("10m,ro", disk, sys.executable, "-m", "edgekit", "train", "-o", str(disk))
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "no permission to write to" in done.stderr


@pytest.mark.parametrize("size", ["12k", "300k", "420k"])
def test_convert_says_that_the_temporary_folder_is_full(size: str, disk: Path, model: Path, tmp_path: Path) -> None:
    done = run_on_tiny_disk(
        size, disk, "env", f"TMPDIR={disk}", sys.executable, "-m", "edgekit", "convert", str(model), "-o",
        str(tmp_path / "model.tflite"),
    )  # fmt: skip
    assert done.returncode == 1
    assert "The conversion does not fit into the folder for temporary files." in done.stderr
    assert "set TMPDIR to another folder" in done.stderr
    assert not (tmp_path / "model.tflite").exists()


TFLITE = Path(__file__).resolve().parents[1] / "data" / "tflite"


@pytest.mark.parametrize(
    ("candidate", "verdict", "code"),
    [("dense_float32", "Passed: 1 model", 1), ("cnn_float32", "Failed: m (digest)", 3)],
    ids=["passed", "failed"],
)
def test_check_shows_its_verdict_though_no_file_can_be_written(
    candidate: str, verdict: str, code: int, disk: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    (tmp_path / "edgekit.toml").write_text('data = "data.npz"\nmodels.m = {file = "model.tflite"}\n')
    shutil.copy(TFLITE / "dense_float32.tflite", tmp_path / "model.tflite")
    made = CliRunner().invoke(cli, ["check", "--config", str(tmp_path / "edgekit.toml"), "--update-baseline"])
    assert made.exit_code == 0, made.output
    shutil.copy(TFLITE / f"{candidate}.tflite", tmp_path / "model.tflite")
    kinds = ("junit", "markdown", "html", "history")
    options = " ".join(f"--{kind} {disk}/{kind}" for kind in kinds)
    program = (
        f"head -c 200000 /dev/zero > {disk}/full; cd {tmp_path}; "
        f"exec {sys.executable} -m edgekit check --digests-only {options}"
    )
    done = run_on_tiny_disk("100k", disk, "sh", "-c", program)
    assert verdict in done.stdout
    for kind in kinds:
        assert f"{disk}/{kind} could not be written" in done.stderr
    assert done.returncode == code
