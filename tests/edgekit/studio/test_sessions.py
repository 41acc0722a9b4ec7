"""Sessions: limits, idle time, and files that go with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgekit.studio.sessions import MOST_OWN_MODELS, MOST_SESSIONS, Sessions
from edgekit_runtime.errors import EdgekitError, UsageError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def model(models: tuple[Path, ...]) -> Path:
    return models[1]


def add(sessions: Sessions, key: str, model: Path) -> tuple[str, Path]:
    path = sessions.new_path(key, model.name)
    shutil.copy(model, path)
    return sessions.add(key, path, model.name), path


def test_a_session_sees_its_own_models_only(model: Path) -> None:
    with Sessions() as sessions:
        identifier, _ = add(sessions, "one", model)
        assert list(sessions.models("one")) == [identifier]
        assert sessions.models("two") == {}
        assert not sessions.remove("two", identifier)
        assert sessions.remove("one", identifier)


def test_files_go_with_the_sessions(model: Path) -> None:
    with Sessions() as sessions:
        _, path = add(sessions, "one", model)
        assert path.exists()
    assert not path.parent.parent.exists()


def test_an_idle_session_ends(model: Path) -> None:
    clock = Clock()
    with Sessions(clock) as sessions:
        _, path = add(sessions, "one", model)
        clock.now = 2 * 3600 + 1
        sessions.new_path("two", "x")
        assert sessions.models("one") == {}
        assert not path.exists()


def test_the_longest_unused_session_makes_room(model: Path) -> None:
    clock = Clock()
    with Sessions(clock) as sessions:
        for number in range(MOST_SESSIONS):
            clock.now += 1
            add(sessions, str(number), model)
        clock.now += 1
        sessions.models("0")
        add(sessions, "new", model)
        assert sessions.models("1") == {}
        assert len(sessions.models("0")) == len(sessions.models("new")) == 1


def test_a_session_has_room_for_some_models(model: Path) -> None:
    with Sessions() as sessions:
        for _ in range(MOST_OWN_MODELS):
            add(sessions, "one", model)
        assert [each.name for each in sessions.models("one").values()][1] == f"{model.name} (2)"
        with pytest.raises(UsageError, match="4 models of your own"):
            sessions.require_room("one")


def test_a_damaged_model_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "damaged.tflite").write_bytes(b"no model")
    with Sessions() as sessions, pytest.raises(EdgekitError):
        sessions.add("one", tmp_path / "damaged.tflite", "damaged.tflite")
