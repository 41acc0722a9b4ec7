"""Damaged files cause errors, never a crash; each run is a separate process, because native code might crash it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "damage.py"
FILES = 1500


@pytest.mark.parametrize("seed", [1, 2])
def test_no_crash_and_no_hang(seed: int, tflite_folder: Path) -> None:
    models = sorted(str(path) for path in tflite_folder.glob("*.tflite"))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(PROGRAM), str(seed), "0", str(FILES), *models],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"the last file was {lines[-1:]}:\n{done.stderr[-2000:]}"
    outcomes = Counter(lines[1::2])
    assert sum(outcomes.values()) == FILES
    # Changed weights and names cannot be distinguished from intact ones; any damage to the structure is refused.
    assert set(outcomes) <= {
        "answered: as the sound file",
        "answered: something else",
        "refused: ModelFileError",
        "refused: InterpreterError",
        "refused: TensorMismatchError",
    }
    assert outcomes["refused: ModelFileError"] > FILES / 2


@pytest.mark.parametrize("name", ["cnn_int8_io_int8", "lstm_batch1", "dense_float32"])
def test_every_truncation_is_refused(name: str, tflite_folder: Path) -> None:
    from edgekit_runtime.errors import ModelFileError
    from edgekit_runtime.tflite.structure import read_model_description

    content = (tflite_folder / f"{name}.tflite").read_bytes()
    sound = read_model_description(content).subgraphs
    survived = []
    for size in range(len(content)):
        try:
            description = read_model_description(content[:size])
        except ModelFileError:
            continue
        survived.append(size)
        assert description.subgraphs == sound
    # Only trailing zeros may be missing, for example the padding of the last string.
    assert all(not any(content[size:]) for size in survived)
    assert len(survived) <= 16


PACKED = Path(__file__).parent.parent / "data" / "packed" / "cnn_0.1.0.tflite"


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_no_mutation_of_a_packed_file_runs_code_writes_or_takes_long(tflite_folder: Path, tmp_path: Path) -> None:
    """Most of the 2,000 files have valid checksums and digests; each may take 5 s of CPU and 1 GiB, without a trace."""
    files = 2000
    content, unsigned = PACKED.read_bytes(), tmp_path / "unsigned.tflite"
    unsigned.write_bytes(content[: content.index(b"PK\x03\x04")])
    with zipfile.ZipFile(PACKED) as old, zipfile.ZipFile(unsigned, "a") as new:
        for name in ("edgekit.json", "labels.txt", "golden.npz"):
            new.writestr(name, old.read(name))
    folder = tmp_path / "folder"
    folder.mkdir()
    command = [sys.executable, "-X", "faulthandler", str(PROGRAM), "7", "0", str(files), str(PACKED), str(unsigned)]
    done = subprocess.run(
        [*command, "--watched"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    *lines, last = done.stdout.splitlines() or [""]
    assert done.returncode == 0, f"the last file was {[*lines, last][-2:]}:\n{done.stderr[-2000:]}"
    assert int(last.split()[1]) < 1024 * 1024
    assert list(folder.iterdir()) == []
    outcomes = Counter(lines[1::2])
    assert sum(outcomes.values()) == files
    assert {outcome.partition(":")[0] for outcome in outcomes} == {"answered", "refused"}
    assert outcomes["refused: ModelFileError"] > files / 2
    assert outcomes["answered: as the sound file"] > files / 20
