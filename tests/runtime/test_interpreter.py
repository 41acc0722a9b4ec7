from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.interpreter import INTERPRETERS, choose_interpreter

INSTALLED = [name for name, (module, _) in INTERPRETERS.items() if importlib.util.find_spec(module.partition(".")[0])]
MISSING = [name for name in INTERPRETERS if name not in INSTALLED]


def test_the_first_installed_one_is_chosen() -> None:
    choice = choose_interpreter()
    assert choice.name == INSTALLED[0]
    assert choice.version[0].isdigit()


@pytest.mark.skipif("EDGEKIT_TEST_INTERPRETER" not in os.environ, reason="EDGEKIT_TEST_INTERPRETER names none")
def test_the_one_this_run_is_for_is_chosen() -> None:
    assert choose_interpreter().name == os.environ["EDGEKIT_TEST_INTERPRETER"]


@pytest.mark.skipif(not MISSING, reason="both interpreters are installed")
@pytest.mark.parametrize("name", MISSING)
def test_a_missing_one_names_the_command(name: str) -> None:
    with pytest.raises(InterpreterError, match=f"{name} is not installed") as caught:
        choose_interpreter(name)
    assert caught.value.next_step == INTERPRETERS[name][1]


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="litert or tflite-runtime"):
        choose_interpreter("onnx")


def test_none_installed_names_both_commands(tmp_path: Path) -> None:
    # A Python whose path holds numpy and the runtime alone.
    for package in (np, edgekit_runtime):
        folder = Path(package.__file__ or "").parent
        (tmp_path / folder.name).symlink_to(folder)
        libraries = folder.parent / f"{folder.name}.libs"
        if libraries.is_dir():
            (tmp_path / libraries.name).symlink_to(libraries)
    program = f"""
import sys
sys.path = [{str(tmp_path)!r}] + [p for p in sys.path if "site-packages" not in p]
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
from edgekit_runtime.interpreter import choose_interpreter
choose_interpreter()
"""
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert "No interpreter for .tflite models is installed." in done.stderr
    assert "pip install ai-edge-litert, or pip install tflite-runtime 'numpy<2'" in done.stderr


def test_tflite_runtime_with_numpy_2_is_a_sentence(tmp_path: Path) -> None:
    if int(np.__version__.partition(".")[0]) < 2:
        pytest.skip("numpy 1 is installed")
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = '2.14.0'\n")
    (package / "interpreter.py").write_text("raise SystemExit('it must not be imported')\n")
    program = "from edgekit_runtime.interpreter import choose_interpreter; choose_interpreter('tflite-runtime')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert "The interpreter tflite-runtime 2.14.0 needs numpy 1." in done.stderr
    assert "pip install 'numpy<2'" in done.stderr


def test_a_model_it_cannot_run_is_refused_with_the_reason(tflite_folder: Path) -> None:
    path = tflite_folder / "cnn_dynamic.tflite"
    if choose_interpreter().name == "litert":
        assert edgekit_runtime.load(path).interpreter == "litert"
        return
    # tflite-runtime 2.14 ends at version 9 of this operator; the model needs 12.
    with pytest.raises(InterpreterError, match="FULLY_CONNECTED"):
        edgekit_runtime.load(path)
