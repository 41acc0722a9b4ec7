"""Where the TensorFlow Lite C library is looked for, and what is said if it cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgekit_runtime.errors import InterpreterError, UsageError
from edgekit_runtime.interpreters.c_library import PATH_VARIABLE, find_library, open_library
from edgekit_runtime.interpreters.choosing import choose_interpreter


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the only one that packages are imported from."""
    monkeypatch.delenv(PATH_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def place_library(folder: Path, package: str) -> str:
    path = folder / package / "lib" / "libtensorflowlite_c.so"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    return str(path)


def test_the_library_of_a_package_is_found_without_importing_it(packages: Path) -> None:
    second = place_library(packages, "pyopen_wakeword")
    assert find_library() == second
    assert find_library() != place_library(packages, "pymicro_wakeword")  # The first in the order from now on.
    assert find_library() == str(packages / "pymicro_wakeword" / "lib" / "libtensorflowlite_c.so")
    assert "pymicro_wakeword" not in sys.modules


def test_the_variable_comes_first(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place_library(packages, "pymicro_wakeword")
    monkeypatch.setenv(PATH_VARIABLE, "/opt/lib.so")
    assert find_library() == "/opt/lib.so"


def test_a_library_that_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "absent.so"
    with pytest.raises(InterpreterError, match="does not exist") as caught:
        choose_interpreter(f"c:{path}")
    assert caught.value.received == str(path)


def test_no_path_after_the_prefix() -> None:
    with pytest.raises(UsageError, match="c:PATH"):
        choose_interpreter("c:")


def test_a_file_that_is_not_a_library(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(b"\x7fELF")
    with pytest.raises(InterpreterError, match="cannot be used") as caught:
        open_library(str(tmp_path / "lib.so"))
    assert str(tmp_path / "lib.so") in str(caught.value.received)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a library that every Linux has")
def test_another_library_lacks_the_functions() -> None:
    import numpy.linalg._umath_linalg as another_library

    with pytest.raises(InterpreterError, match=r"TensorFlow Lite 2\.13 or newer"):
        open_library(str(another_library.__file__))


def test_a_library_for_another_libc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def musl_says(path: str) -> None:
        raise OSError("Error loading shared library ld-linux-x86-64.so.2: No such file or directory")

    (tmp_path / "lib.so").touch()
    monkeypatch.setattr("ctypes.CDLL", musl_says)
    with pytest.raises(InterpreterError, match="musl"):
        open_library(str(tmp_path / "lib.so"))
