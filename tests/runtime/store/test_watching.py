"""A watched model takes a new version between two calls, and keeps the old one if the new one cannot be loaded."""

from __future__ import annotations

import pickle
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import UsageError
from edgekit_runtime.store import watching
from edgekit_runtime.store.installation import install, roll_back
from edgekit_runtime.store.slot import require_slot

Version = Callable[..., Path]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_SECONDS_BETWEEN_LOOKS", 0.0)


def wait_for(model: edgekit_runtime.Model, label: str) -> None:
    """Use the model until it is the version with a label; pytest's own timeout ends a wait in vain."""
    while model.labels[0] != label:
        time.sleep(0.001)


@pytest.mark.usefixtures("store")
def test_switches_under_load_lose_no_call(version: Version, cnn: dict[str, np.ndarray]) -> None:
    versions = [version("a"), version("b")]
    install(versions[0], "digits")
    model = edgekit_runtime.load("digits", watch=True)
    expected = [answer.index for answer in model.classify(cnn["pixels"])]
    stop, wrong, answered = threading.Event(), [], [0]

    def use() -> None:
        while not stop.is_set():
            found = model.classify(cnn["pixels"])
            if [answer.index for answer in found] != expected or found[0].label not in (*"abcdefghij",):
                wrong.append(found)
            answered[0] += 1

    users = [threading.Thread(target=use) for _ in range(2)]
    for user in users:
        user.start()
    for number in range(1, 11):
        install(versions[number % 2], "digits")
        wait_for(model, "ab"[number % 2])
    roll_back(require_slot("digits"))
    stop.set()
    for user in users:
        user.join()
    assert not wrong
    assert answered[0] > 0


@pytest.mark.usefixtures("store")
def test_a_version_that_cannot_be_loaded_is_reported(version: Version) -> None:
    path = version("a")
    model = edgekit_runtime.load(path, watch=True)
    seen: list[str] = []
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest: seen.append(str(message))  # type: ignore[assignment]
        warnings.simplefilter("always")
        broken = path.with_name("broken.tflite")
        broken.write_bytes(path.read_bytes()[:1000])
        broken.replace(path)
        while not seen:
            assert model.labels[0] == "a"
            time.sleep(0.001)
    assert "is not used" in seen[0]
    version("b").replace(path)
    wait_for(model, "b")


@pytest.mark.usefixtures("store")
def test_it_is_used_and_closed_like_a_model(version: Version, cnn: dict[str, np.ndarray]) -> None:
    with edgekit_runtime.load(version("a"), watch=True) as model:
        assert model.verify().passed
        with pytest.raises(UsageError, match="pickled"):
            pickle.dumps(model)
    with pytest.raises(UsageError):
        model.predict(cnn["image"])
    with pytest.raises(UsageError, match="Only a file can be watched"):
        edgekit_runtime.load(version("a").read_bytes(), watch=True)
