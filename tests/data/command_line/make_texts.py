"""Writes what the command line says: each command's help, and errors, at 80 columns.

Run it in the project's environment after a change of wording, and read the difference before committing it:
``python tests/data/command_line/make_texts.py``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from edgekit.cli import cli

FOLDER = Path(__file__).resolve().parent
_TFLITE = FOLDER.parent / "tflite"

#: Mistakes that people make; the files that they name lie in the folder that ``prepared`` makes.
ERRORS = {
    "no-command": "convrt model.h5",
    "no-option": "convert model.h5 --quantise int8",
    "no-choice": "convert model.h5 --quantize int9",
    "no-model": "convert missing.h5",
    "not-a-model": "convert notes.txt",
    "not-a-tflite": "inspect notes.txt",
    "no-data": "convert model.h5 --quantize int8",
    "missing-data": "convert model.h5 --quantize int8 --data missing.npz",
    "unknown-data": "validate cnn.tflite cnn.tflite --data notes.txt",
    "contradiction": "convert model.h5 --all --quantize int8 --data digits",
    "needs-another": "validate cnn.tflite cnn.tflite --data digits --open",
    "no-budget": "convert model.h5 --strict",
    "unknown-target": "inspect cnn.tflite --target coral",
    "does-not-run": "inspect dynamic.tflite --target tflite-runtime-2.14",
    "no-image": "predict cnn.tflite notes.txt",
    "no-configuration": "check",
    "not-signed": "verify cnn.tflite",
    "no-history": "history missing.jsonl",
}


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, groups included."""
    yield path
    with click.Context(group) as ctx:
        for name in group.list_commands(ctx):
            command = group.get_command(ctx, name)
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))
            else:
                yield (*path, name)


def help_text(path: tuple[str, ...]) -> str:
    """Return the help of a command as a terminal of 80 columns shows it."""
    result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=80, prog_name="edgekit")
    assert result.exit_code == 0, result.output
    return result.stdout


def error_text(arguments: str) -> str:
    """Return the exit code and all that a mistake prints, run in the current folder."""
    result = CliRunner().invoke(cli, arguments.split(), env={"COLUMNS": "80"}, prog_name="edgekit")
    output = result.output.replace(str(Path.cwd()), "FOLDER")
    return f"$ edgekit {arguments}\n{output}exit code {result.exit_code}\n"


def prepare(folder: Path) -> None:
    """Make the files that the mistakes name."""
    shutil.copy(_TFLITE / "cnn_float32.tflite", folder / "cnn.tflite")
    shutil.copy(_TFLITE / "cnn_dynamic.tflite", folder / "dynamic.tflite")
    (folder / "model.h5").write_bytes(b"never read")
    (folder / "notes.txt").write_text("neither a model nor data\n")


def main() -> None:
    """Write all texts anew."""
    for kind in ("help", "errors"):
        shutil.rmtree(FOLDER / kind, ignore_errors=True)
        (FOLDER / kind).mkdir()
    for path in commands():
        (FOLDER / "help" / f"{'-'.join(path) or 'edgekit'}.txt").write_text(help_text(path), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        os.chdir(folder)
        for name, arguments in ERRORS.items():
            (FOLDER / "errors" / f"{name}.txt").write_text(error_text(arguments), encoding="utf-8")
        os.chdir(FOLDER)


if __name__ == "__main__":
    main()
