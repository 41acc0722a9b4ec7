from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgekit_runtime
from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.interpreters.choosing import INTERPRETERS, choose_interpreter, install_command
from edgekit_runtime.tflite.scales import has_old_kernels

PARENT = "edgekit_runtime.interpreters"
INSTALLED = [
    name for name in INTERPRETERS if importlib.import_module(f"{PARENT}.{name.replace('-', '_')}").find() is not None
]
MISSING = [name for name in INTERPRETERS if name not in INSTALLED]


def test_the_first_installed_one_is_chosen() -> None:
    choice = choose_interpreter()
    assert choice.name == INSTALLED[0]
    assert choice.version[0].isdigit()


@pytest.mark.skipif("EDGEKIT_TEST_INTERPRETER" not in os.environ, reason="EDGEKIT_TEST_INTERPRETER names none")
def test_the_one_this_run_is_for_is_chosen() -> None:
    assert choose_interpreter().name == os.environ["EDGEKIT_TEST_INTERPRETER"]


@pytest.mark.skipif(not MISSING, reason="all interpreters are installed")
@pytest.mark.parametrize("name", MISSING)
def test_a_missing_one_names_the_command(name: str) -> None:
    with pytest.raises(InterpreterError, match=f"{name} is not installed") as caught:
        choose_interpreter(name)
    assert caught.value.next_step == install_command(name)


def test_an_unknown_name() -> None:
    with pytest.raises(UsageError, match="litert, tflite-runtime, tflite-c or c:PATH"):
        choose_interpreter("onnx")


def test_none_installed_names_both_commands(tmp_path: Path) -> None:
    # A Python whose path contains only numpy and the runtime.
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
from edgekit_runtime.interpreters.choosing import choose_interpreter
choose_interpreter()
"""
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert "No interpreter for .tflite models is installed." in done.stderr
    assert "pip install ai-edge-litert, or pip install tflite-runtime 'numpy<2', or pip install" in done.stderr


@pytest.fixture
def choose_from(tmp_path: Path) -> Callable[..., str]:
    """Write a package for an interpreter, and return the output of a process that chooses it."""

    def choose(folder: str, name: str, version: str, interpreter: str) -> str:
        package = tmp_path / folder
        if not package.exists():
            package.mkdir()
            (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
            (package / "interpreter.py").write_text(interpreter)
        program = f"""
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.interpreters.choosing import choose_interpreter
try:
    print("chosen", choose_interpreter({name!r}).version)
except EdgekitError as error:
    print(error)
"""
        runtime = Path(edgekit_runtime.__file__).parent.parent
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(runtime)]),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return choose


NEEDS_NUMPY_2 = pytest.mark.skipif(int(np.__version__.partition(".")[0]) < 2, reason="numpy 1 is installed")


@NEEDS_NUMPY_2
@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [("tflite_runtime", "tflite-runtime", "2.14.0"), ("ai_edge_litert", "litert", "1.0.1")],
)
def test_one_built_for_numpy_1_is_a_sentence(
    folder: str, name: str, version: str, choose_from: Callable[..., str]
) -> None:
    # Importing it works, as with the real packages: they fail when an Interpreter is created.
    said = choose_from(folder, name, version, "Interpreter = None\n")
    assert f"The interpreter {name} {version} needs numpy 1." in said
    assert "pip install 'numpy<2'" in said


def test_an_illegal_instruction_is_a_sentence(choose_from: Callable[..., str], tmp_path: Path) -> None:
    dies = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
    for _ in range(2):
        said = choose_from("ai_edge_litert", "litert", "2.3.0", dies)
        assert "The interpreter litert needs instructions that this processor does not have (SIGILL)." in said
        assert "pip install tflite-runtime 'numpy<2' and select 'tflite-runtime'" in said
        assert not list((tmp_path / "cache" / "edgekit").iterdir())


def test_a_missing_symbol_is_a_sentence(choose_from: Callable[..., str]) -> None:
    lacking = "raise OSError('libc.so.6: version GLIBC_2.34 not found')\n"
    said = choose_from("ai_edge_litert", "litert", "2.3.0", lacking)
    assert "litert is installed but cannot be imported.\n  received: libc.so.6: version GLIBC_2.34 not found" in said


def test_a_child_is_asked_once_for_an_installation(choose_from: Callable[..., str], tmp_path: Path) -> None:
    counted = f"open({str(tmp_path / 'imports')!r}, 'a').write('.')\nInterpreter = None\n"
    package = tmp_path / "ai_edge_litert" / "__init__.py"
    # The first start also imports it in a child process, and so does the first start after a new installation.
    for imports in (2, 3, 5):
        assert choose_from("ai_edge_litert", "litert", "2.3.0", counted) == "chosen 2.3.0\n"
        assert len((tmp_path / "imports").read_text()) == imports
        if imports == 3:
            os.utime(package, (1, 1))


def test_where_nothing_can_be_remembered_no_child_is_asked(choose_from: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    counted = f"open({str(tmp_path / 'imports')!r}, 'a').write('.')\nInterpreter = None\n"
    assert choose_from("ai_edge_litert", "litert", "2.3.0", counted) == "chosen 2.3.0\n"
    assert (tmp_path / "imports").read_text() == "."


def test_a_model_it_cannot_run_is_refused_with_the_reason(tflite_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tflite_folder / "cnn_dynamic.tflite"
    choice = choose_interpreter()
    if not has_old_kernels(choice.name, choice.version):
        assert edgekit_runtime.load(path).interpreter == choice.name
        return
    # tflite-runtime 2.14 supports this operator up to version 9; the model needs 12. The check for models that are
    # predicted at chance level would refuse the model first.
    monkeypatch.setattr("edgekit_runtime.loading.refuse_scales_beyond", lambda *known: None)
    with pytest.raises(InterpreterError, match="FULLY_CONNECTED"):
        edgekit_runtime.load(path)
