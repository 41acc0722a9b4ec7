"""Each tutorial runs from an empty folder and prints what its page shows.

The fenced blocks of a page are read in order. A block with ``title="NAME"`` is a file to write. A ``console`` block
holds commands after ``$ `` and what they print; ``…`` stands for any text, also for several lines. Other blocks
(``sh``) are for a device that a test does not have, and are not run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).resolve().parents[2] / "docs" / "pages" / "tutorials"
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class File:
    """A file that the tutorial tells the reader to write."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command and what the page shows of its standard output; empty where the page shows nothing."""

    line: str
    shown: str


def steps_of(page: str) -> list[File | Command]:
    """Files and commands of a page, in order."""
    steps: list[File | Command] = []
    for language, attributes, content in _FENCE.findall(page):
        title = re.search(r'title="([^"]+)"', attributes)
        if title:
            steps.append(File(title.group(1), content))
        elif language == "console":
            steps += _commands_of(content)
    return steps


def _commands_of(content: str) -> list[Command]:
    commands = []
    for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = 1 + next(number for number, line in enumerate(lines) if not line.endswith("\\"))
        commands.append(Command("\n".join(lines[:length]), "\n".join(lines[length:])))
    return commands


def matches(printed: str, shown: str) -> bool:
    """Whether ``printed`` is what the page shows, apart from white space and what ``…`` stands for."""
    parts = [re.escape(" ".join(part.split())) for part in shown.split("…")]
    pattern = r"\s*.*?\s*".join(part.replace(r"\ ", r"\s+") for part in parts)
    return re.fullmatch(pattern, " ".join(printed.split()), flags=re.DOTALL) is not None


def run_steps(steps: list[File | Command], folder: Path) -> None:
    """Follow the tutorial in ``folder``; AssertionError if a command fails or prints something else."""
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
    code = 0
    for step in steps:
        if isinstance(step, File):
            (folder / step.name).write_text(step.content, encoding="utf-8")
            continue
        if code:
            assert step.line == "echo $?", f"exit code {code} before: {step.line}"
        done = subprocess.run(
            ["bash", "-c", f"(exit {code}); {step.line}"], cwd=folder, env=environment, capture_output=True, text=True
        )
        code = done.returncode
        message = f"$ {step.line}\n{done.stdout}\n{done.stderr}"
        assert matches(done.stdout, step.shown) or not step.shown, message
        # A failure must be shown: the next command prints the exit code.
        assert code in (0, 3), message
    assert code == 0, f"exit code {code} at the end"


@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("*.md")), ids=lambda page: page.stem)
def test_tutorial(page: Path, tmp_path: Path) -> None:
    steps = steps_of(page.read_text(encoding="utf-8"))
    assert sum(isinstance(step, Command) for step in steps) >= 4
    run_steps(steps, tmp_path)


@pytest.mark.parametrize(
    ("shown", "is_equal"),
    [
        ("a  b\nc", True),
        ("a … c", True),
        ("…", True),
        ("a b", False),
        ("a b d", False),
        ("… d", False),
        ("a . c", False),
    ],
)
def test_output_is_compared_up_to_white_space_and_wildcards(shown: str, is_equal: bool) -> None:
    assert matches("a b\n c\n", shown) is is_equal


def test_a_tutorial_that_shows_other_output_fails(tmp_path: Path) -> None:
    steps = steps_of('```text title="a.txt"\nyes\n```\n\n```console\n$ cat \\\n  a.txt\nno\n```\n')
    assert steps == [File("a.txt", "yes\n"), Command("cat \\\n  a.txt", "no")]
    with pytest.raises(AssertionError, match="yes"):
        run_steps(steps, tmp_path)


def test_an_exit_code_must_be_shown(tmp_path: Path) -> None:
    run_steps(steps_of("```console\n$ (exit 3)\n$ echo $?\n3\n```\n"), tmp_path)
    with pytest.raises(AssertionError, match="exit code 3"):
        run_steps(steps_of("```console\n$ (exit 3)\n$ true\n```\n"), tmp_path)
