"""What is installed has proved itself, and what fails leaves the version before in place."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import (
    BelowThresholdError,
    DataError,
    EdgekitError,
    InterpreterError,
    ModelFileError,
    UsageError,
)
from edgekit_runtime.store import slot as slots
from edgekit_runtime.store.installation import InstallOptions, install, roll_back
from edgekit_runtime.store.slot import Slot, require_slot

Version = Callable[..., Path]


def label(name: str = "digits") -> str:
    """The first label of the current version, as a program on the device sees it."""
    return edgekit_runtime.load(name).labels[0]


def test_a_version_is_loaded_by_its_name(store: Path, version: Version, cnn: dict[str, np.ndarray]) -> None:
    done = install(version("first"), "digits")
    assert (done.changed, done.previous, done.release) == (True, "", None)
    assert done.max_error is not None and done.max_error < 1e-3
    assert label() == "first"
    assert edgekit_runtime.load("digits").classify(cnn["pixels"][0])
    files = sorted(path.name for path in (store / "digits").iterdir())
    assert files == ["current", "lock", "log.jsonl", "versions"]
    assert str((store / "digits" / "current").readlink()) == f"versions/{done.digest}.tflite"


def test_the_same_version_again_changes_nothing(store: Path, version: Version) -> None:
    install(version("first"), "digits")
    log = (store / "digits" / "log.jsonl").read_bytes()
    assert not install(version("first"), "digits").changed
    assert (store / "digits" / "log.jsonl").read_bytes() == log


@pytest.mark.parametrize(
    ("facts", "options", "error", "match"),
    [
        ({"error": 0.5}, {}, InterpreterError, "golden examples"),
        ({"golden": False}, {}, ModelFileError, "no golden examples"),
        ({}, {"max_latency_ms": 1e-9}, BelowThresholdError, "takes longer"),
        ({}, {"public_key": b"k" * 32}, ModelFileError, "not signed"),
        ({}, {"reload": "false"}, EdgekitError, "false failed"),
        ({}, {"health": "sh -c 'echo broken; exit 4'"}, EdgekitError, "failed, so the version before"),
        ({}, {"health": "/no/such/program"}, EdgekitError, "could not be completed"),
    ],
    ids=["golden", "unproven", "slow", "unsigned", "reload", "health", "no program"],
)
def test_a_version_that_fails_a_check_leaves_the_one_before(
    facts: dict[str, object],
    options: dict[str, object],
    error: type[EdgekitError],
    match: str,
    store: Path,
    version: Version,
) -> None:
    install(version("first"), "digits")
    with pytest.raises(error, match=match):
        install(version("second", **facts), "digits", InstallOptions(**options))  # type: ignore[arg-type]
    assert label() == "first"
    assert not list((store / "digits").rglob(".incoming*"))
    # The next try is not hindered by the failed one.
    install(version("third"), "digits")
    assert label() == "third"


def test_a_first_version_that_fails_leaves_nothing_installed(store: Path, version: Version) -> None:
    with pytest.raises(EdgekitError):
        install(version("first"), "digits", InstallOptions(health="false"))
    with pytest.raises(ModelFileError, match="does not exist"):
        edgekit_runtime.load("digits")


def test_the_commands_see_the_new_version(store: Path, version: Version, tmp_path: Path) -> None:
    install(version("first"), "digits")
    command = f"sh -c 'readlink \"$EDGEKIT_MODEL\" >> {tmp_path}/seen'"
    done = install(version("second"), "digits", InstallOptions(reload=command, health=command))
    assert (tmp_path / "seen").read_text().split() == [f"versions/{done.digest}.tflite"] * 2


def test_an_unproven_model_is_accepted_if_that_is_asked_for(store: Path, version: Version) -> None:
    done = install(version("plain", golden=False), "digits", InstallOptions(allow_unproven=True))
    assert done.max_error is None
    assert label() == "plain"


def test_an_older_release_is_refused(store: Path, version: Version) -> None:
    install(version("seven", release=7), "digits")
    for older in (version("six", release=6), version("none")):
        with pytest.raises(ModelFileError, match="older") as caught:
            install(older, "digits")
        assert caught.value.expected == "release 7 or later"
    roll = install(version("six", release=6), "digits", InstallOptions(allow_older=True))
    assert roll.release == 6
    # What counts is the newest release that was ever installed here.
    with pytest.raises(ModelFileError, match="older"):
        install(version("five", release=5), "digits")
    install(version("eight", release=8), "digits")
    assert label() == "eight"


def test_the_stores_own_key_is_required(store: Path, version: Version) -> None:
    store.mkdir()
    (store / "trusted_key.pem").write_bytes(b"k" * 32)
    with pytest.raises(ModelFileError, match="not signed"):
        install(version("first"), "digits")


def test_roll_back_goes_back_step_by_step(store: Path, version: Version) -> None:
    for name in ("first", "second", "third"):
        install(version(name), "digits")
    slot = require_slot("digits")
    assert roll_back(slot).changed
    assert label() == "second"
    roll_back(slot)
    assert label() == "first"
    with pytest.raises(UsageError, match="before the current one"):
        roll_back(slot)
    install(version("third"), "digits")
    roll_back(slot)
    assert label() == "first"


def test_the_last_versions_are_kept(store: Path, version: Version) -> None:
    for number in range(5):
        install(version(f"v{number}"), "digits", InstallOptions(keep=2))
    assert len(Slot(str(store / "digits")).digests()) == 2
    assert label() == "v4"
    roll_back(require_slot("digits"))
    assert label() == "v3"


@pytest.mark.parametrize("name", ["", "../up", "a b", "x" * 65, "-x", "a\n", "ü", "a/b"])
def test_names_are_plain(name: str, store: Path, version: Version) -> None:
    with pytest.raises(UsageError, match="plain name"):
        install(version("first"), name)
    assert not store.exists()


def test_a_full_disk_is_said_before_anything_is_written(
    store: Path, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(version("first"), "digits")
    monkeypatch.setattr(slots, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(DataError, match="too full"):
        install(version("second"), "digits")
    assert label() == "first"


def test_a_link_that_leads_elsewhere_is_not_followed(store: Path, version: Version, tmp_path: Path) -> None:
    install(version("first"), "digits")
    link = store / "digits" / "current"
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere.tflite")
    with pytest.raises(ModelFileError, match="own folder"):
        install(version("second"), "digits")


def test_a_file_has_precedence_over_a_name(
    store: Path, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(version("first"), "digits")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").write_bytes(version("file").read_bytes())
    assert label() == "file"


_INSTALL = """
import sys
from edgekit_runtime.store.installation import install
print("ready", flush=True)
install(sys.argv[1], "digits")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_that_is_killed_leaves_a_whole_version(store: Path, version: Version) -> None:
    install(version("v0"), "digits")
    order, random = ["v0"], np.random.default_rng(0)
    for number in range(1, 13):
        path = version(f"v{number}")
        process = subprocess.Popen([sys.executable, "-c", _INSTALL, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.wait()
        process.stdout.close()
        found = edgekit_runtime.load("digits", verify=True).labels[0]
        assert found in (order[-1], f"v{number}")
        order.append(found)
    # A second run finishes the job and tidies up.
    install(version("last"), "digits")
    assert label() == "last"
    assert not list((store / "digits").rglob(".incoming*"))
