"""``edgekit studio``: what it needs, what it refuses, how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .conftest import User, running_studio


def studio(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgekit", "studio", "--no-open", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_without_its_packages_it_names_the_command_that_installs_them(tmp_path: Path) -> None:
    program = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name in ('starlette', 'uvicorn') else find(name, *rest)\n"
        "from edgekit.cli import cli\n"
        "cli(['studio', 'model.tflite'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'edgekit[studio]'" in done.stderr


def test_a_model_that_is_missing_or_broken_is_an_error(tmp_path: Path) -> None:
    assert studio(str(tmp_path / "none.tflite")).returncode == 1
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    done = studio(str(tmp_path / "broken.tflite"))
    assert done.returncode == 1
    assert "broken.tflite" in done.stderr
    (tmp_path / "broken.h5").write_bytes(b"no model")
    assert studio(str(tmp_path / "broken.h5")).returncode == 1


def test_missing_data_is_found_before_the_models_are_opened(tmp_path: Path) -> None:
    done = studio(str(tmp_path / "none.h5"), "--data", str(tmp_path / "no-data"))
    assert done.returncode == 1
    assert "no-data" in done.stderr


def test_a_taken_port_is_an_error_only_if_it_was_asked_for(models) -> None:
    with running_studio(models[1:2]) as first:
        done = studio(str(models[1]), "--port", str(first.port))
        assert done.returncode == 2
        assert "is taken" in done.stderr
        with running_studio(models[1:2]) as second:
            assert second.port != first.port


def test_ctrl_c_is_its_usual_end(models) -> None:
    with running_studio(models[:2]) as studio:
        user = User(studio.address)
        assert user.ask("/api/answers", user.ask("/api/examples/0.png").body).status == 200
        children = Path(f"/proc/{studio.process.pid}/task/{studio.process.pid}/children")
        running = children.read_text().split() if children.exists() else []
        studio.process.send_signal(signal.SIGINT)
        assert studio.process.wait(timeout=60) == 0
        assert not [child for child in running if Path(f"/proc/{child}").exists()]
        assert "Interrupted" not in studio.process.stderr.read()


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A Keras model of four numbers, whose second output column is wrong by 10 in its .tflite."""
    import keras

    folder = tmp_path_factory.mktemp("regressor")
    paths = []
    for name, offset in (("model", 0.0), ("other", 10.0)):
        model = keras.Sequential([keras.Input((4,), name="features"), keras.layers.Dense(2, name="values")])
        model.set_weights([np.ones((4, 2)), np.array([0.0, offset])])
        model.save(folder / f"{name}.keras")
        paths.append(folder / f"{name}.keras")
    command = [sys.executable, "-m", "edgekit", "convert", str(paths[1]), "--output", str(folder / "other.tflite")]
    subprocess.run(command, check=True, capture_output=True)
    return paths[0], folder / "other.tflite"


def test_numbers_are_typed_and_differences_are_marked(regressor: tuple[Path, Path]) -> None:
    with running_studio(regressor) as studio:
        user = User(studio.address)
        state = user.ask("/api/models").json
        assert state["input"]["kind"] == "numbers"
        assert state["input"]["fields"][0]["name"] == "features"
        answers = user.post("/api/answers", {"inputs": {"features": "1, 2\n3 4"}}).json["answers"]
        assert [answer["outputs"][0]["values"] for answer in answers] == [[10.0, 10.0], [10.0, 20.0]]
        assert answers[1]["differences"] == ["values differ by up to 10"]
        for text in ("1, 2, 3", "1, 2, 3, x", "1, 2, 3, nan", "1, 2, 3, 1e400", ""):
            assert user.post("/api/answers", {"inputs": {"features": text}}).status == 400
        # Images are for models that take them.
        assert user.ask("/api/answers", b"no image").status == 400
        assert len(user.ask("/api/examples").json["texts"]) > 0
