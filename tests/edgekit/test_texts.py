"""What the command line says is what ``tests/data/command_line`` holds: changes of wording are seen in review."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "data" / "command_line"


def _load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_texts", FOLDER / "make_texts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TEXTS = _load_script()
COMMANDS = {"-".join(path) or "edgekit": path for path in TEXTS.commands()}


def _committed(kind: str, name: str) -> str:
    return (FOLDER / kind / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str) -> None:
    text = TEXTS.help_text(COMMANDS[name])
    assert text == _committed("help", name), f"if that is meant, run {FOLDER.name}/make_texts.py"
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", TEXTS.ERRORS)
def test_errors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TEXTS.prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = TEXTS.error_text(TEXTS.ERRORS[name])
    assert text == _committed("errors", name), f"if that is meant, run {FOLDER.name}/make_texts.py"
    assert "Traceback" not in text


@pytest.mark.parametrize(("kind", "names"), [("help", COMMANDS), ("errors", TEXTS.ERRORS)])
def test_no_text_is_left_of_what_is_gone(kind: str, names: dict[str, object]) -> None:
    assert {path.stem for path in (FOLDER / kind).iterdir()} == set(names)
