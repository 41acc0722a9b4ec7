"""``kill -9`` at random moments of the commands that write: the old file, or the new one, and nothing else stays.

By hand, 50 kills of each command: ``python tests/integration/kill_campaign.py 50``. ``test_kill.py`` runs a few.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from edgekit.artifacts.training_record import read_training_record
from edgekit_converters.lowering.source_digest import digest

TFLITE = Path(__file__).resolve().parents[1] / "data" / "tflite"
ERAS = Path(__file__).resolve().parents[1] / "data" / "keras_eras"
#: A process that was killed may still be listed for a moment.
MOST_SECONDS_OF_CHILD = 10


@dataclass(frozen=True)
class Victim:
    """A command that replaces files.

    Attributes:
        name: What it is called here.
        arguments: What it is called with, in its folder.
        prepare: Makes the folder with the old files.
        judge: Raises where the folder holds anything but old files or new ones; gives which of these.
        output: The sub-folder that the files are in.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    judge: Callable[[Path, Path, Path], str]
    output: str = "."


def run(arguments: tuple[str, ...], folder: Path, place: Path) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, with a temporary folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "edgekit", *arguments],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(place)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def campaign(victim: Victim, rounds: int, seed: int, folder: Path) -> dict[str, int]:
    """Kill a command at random moments.

    Args:
        victim: The command.
        rounds: How often; in every second round at the moment when it begins to write, if it is not over by then.
        seed: Of the moments.
        folder: An empty folder to work in.
    Returns:
        How often the old files were there, the new ones, or a mixture that is recognized as one.
    """
    draw = random.Random(seed)
    place, old, new = folder / "temporary", folder / "old", folder / "new"
    for each in (place, old):
        each.mkdir()
    victim.prepare(old)
    shutil.copytree(old, new)
    start = time.monotonic()
    if (code := run(victim.arguments, new, place).wait()) != 0:
        raise AssertionError(f"{victim.name} ended with {code}")
    duration = time.monotonic() - start
    seen: dict[str, int] = {}
    for number in range(rounds):
        trial = folder / f"trial{number}"
        shutil.copytree(old, trial)
        process = run(victim.arguments, trial, place)
        if number % 2:
            _wait_for_writing(process, trial / victim.output)
            time.sleep(draw.random() ** 2 * 0.05)
        else:
            time.sleep(draw.random() * duration)
        process.kill()
        process.wait()
        _require_no_child(process.pid)
        state = victim.judge(trial / victim.output, old / victim.output, new / victim.output)
        seen[state] = seen.get(state, 0) + 1
        if number < rounds - 1:
            shutil.rmtree(trial)
    # The last trial's folder, too, is clean after a run that nobody kills.
    if run(victim.arguments, trial, place).wait() != 0:
        raise AssertionError(f"{victim.name} does not run after it was killed")
    left = [path.name for path in (*place.iterdir(), *(trial / victim.output).glob(".edgekit-*"))]
    if left:
        raise AssertionError(f"{victim.name} left {left}")
    return seen


def _wait_for_writing(process: subprocess.Popen[bytes], folder: Path) -> None:
    while process.poll() is None and not list(folder.glob(".edgekit-*")):
        time.sleep(0.001)


def _require_no_child(group: int) -> None:
    end = time.monotonic() + MOST_SECONDS_OF_CHILD
    while True:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        if time.monotonic() > end:
            raise AssertionError("a child goes on without its parent")
        time.sleep(0.02)


def judge_one_file(name: str) -> Callable[[Path, Path, Path], str]:
    """A judge of one file that is the same in every run."""

    def judge(trial: Path, old: Path, new: Path) -> str:
        content = (trial / name).read_bytes()
        for state, folder in (("old", old), ("new", new)):
            if content == (folder / name).read_bytes():
                return state
        raise AssertionError(f"{name} is neither the old file nor the new one: {len(content)} bytes")

    return judge


def judge_training(trial: Path, old: Path, new: Path) -> str:
    """A judge of a training's folder; every file opens, and a mixture of two trainings is recognized as one."""
    del new
    with h5py.File(trial / "model.h5") as file:
        assert "model_weights" in file
    with zipfile.ZipFile(trial / "model.keras") as archive:
        assert archive.testzip() is None
    for name in ("training.png", "confusion.png"):
        with Image.open(trial / name) as image:
            image.load()
    report = json.loads((trial / "training.json").read_text())
    changed = {path.name for path in old.iterdir() if path.read_bytes() != (trial / path.name).read_bytes()}
    changed -= {"checkpoint.npz"}
    names = ("model.h5", "model.keras")
    for name in names:
        record = read_training_record(trial / name, digest(trial / name))
        if record.labels != ("0", "1"):
            assert record.note
            return "mixed and recognized"
    assert report["models"] == {name: digest(trial / name) for name in names}
    return "new" if "training.json" in changed else "old"


def prepare_convert(folder: Path) -> None:
    shutil.copy(ERAS / "tf24_convolutions.h5", folder / "model.h5")
    shutil.copy(TFLITE / "dense_float32.tflite", folder / "model.tflite")


def prepare_pack(folder: Path) -> None:
    shutil.copy(TFLITE / "cnn_float32.tflite", folder / "model.tflite")
    (folder / "labels.txt").write_text("".join(f"class {number}\n" for number in range(10)))


def prepare_check(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    np.savez(folder / "data.npz", x=x)
    settings = 'data = "data.npz"\nthresholds.max_slowdown = false\nmodels.m = {file = "model.tflite"}\n'
    (folder / "edgekit.toml").write_text(settings)
    shutil.copy(TFLITE / "dense_float32.tflite", folder / "model.tflite")
    subprocess.run([sys.executable, "-m", "edgekit", "check", "--update-baseline"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    np.savez(folder / "data.npz", x=x + 1)


def prepare_train(folder: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = (rng.random((40, 18, 18, 1)) * 100 + 100 * y[:, None, None, None]).astype(np.uint8)
    np.savez(folder / "data.npz", x=x, y=y)
    assert run((*TRAIN, "--seed", "1"), folder, folder).wait() == 0


PACK = ("pack", "model.tflite", "--labels", "labels.txt")
TRAIN = ("train", "--dataset", "data.npz", "--epochs", "1", "--no-augment", "-o", "out")
VICTIMS = {
    victim.name: victim
    for victim in (
        Victim("convert", ("convert", "model.h5"), prepare_convert, judge_one_file("model.tflite")),
        Victim("train", TRAIN, prepare_train, judge_training, "out"),
        Victim(
            "pack", ("pack", "model.tflite", "--labels", "labels.txt"), prepare_pack, judge_one_file("model.tflite")
        ),
        Victim("check", ("check", "--update-baseline"), prepare_check, judge_one_file("edgekit-baseline.json")),
    )
}


if __name__ == "__main__":
    for chosen in sys.argv[2:] or VICTIMS:
        with tempfile.TemporaryDirectory() as name:
            print(chosen, campaign(VICTIMS[chosen], int(sys.argv[1]), 0, Path(name)), flush=True)
