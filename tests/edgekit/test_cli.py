"""The group: what is shown, and how errors end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from edgekit import __version__
from edgekit.cli import COMMANDS, cli

EDGEKIT = [sys.executable, "-m", "edgekit"]


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_repeats_each_commands_first_sentence(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert COMMANDS[name] == command.get_short_help_str(limit=80)


@pytest.mark.parametrize("group", [[], ["devices"]], ids=["edgekit", "devices"])
def test_help_fits_a_narrow_terminal(group: list[str]) -> None:
    result = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80)
    assert result.exit_code == 0
    cut_off = [line for line in result.output.splitlines()[1:] if line.endswith("...")]
    assert cut_off == []


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).stdout == f"edgekit, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_diagnostic_options(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    members = [[name, member] for member in command.commands] if isinstance(command, click.Group) else [[name]]
    assert members
    for member in members:
        text = CliRunner().invoke(cli, [*member, "--help"]).stdout
        assert "--debug" in text, member
        assert "--verbose" in text, member


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("convrt", "Error: No such command 'convrt'. Did you mean 'convert'?\n"),
        ("packs", "Error: No such command 'packs'. Did you mean 'pack' or 'unpack'?\n"),
        ("quantize", "Error: No such command 'quantize'.\n"),
    ],
)
def test_a_mistyped_command_gets_a_suggestion(typed: str, message: str) -> None:
    result = CliRunner().invoke(cli, [typed, "model.h5"])
    assert result.exit_code == 2
    assert result.stderr.endswith(message)


@pytest.mark.parametrize(
    "arguments",
    [["unknown"], ["convert"], ["convert", "a.h5", "--quantize", "int7"], ["bench", "a.tflite", "--runs", "0"]],
    ids=["unknown command", "missing argument", "unknown choice", "out of range"],
)
def test_usage_errors_exit_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert "Traceback" not in result.output


def test_an_error_is_a_message_with_the_next_step(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["bench", str(tmp_path / "absent.tflite")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "absent.tflite" in result.stderr
    assert "Traceback" not in result.output


def test_with_json_the_error_is_json_too(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["bench", "--json", str(tmp_path / "absent.tflite")])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "ModelFileError"


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [*EDGEKIT, "bench", "--debug", str(tmp_path / "absent.tflite")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_verbose_says_what_is_done(tmp_path: Path) -> None:
    from edgekit.training.reference_cnn import build

    build((28, 28, 1), 10).save(tmp_path / "model.keras")
    command = [*EDGEKIT, "convert", str(tmp_path / "model.keras"), "-v"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"edgekit.conversion.source: lowered {tmp_path / 'model.keras'}" in done.stderr
    quiet = subprocess.run(command[:-1], capture_output=True, text=True)
    # On a slow machine lines of progress are printed.
    assert "edgekit." not in quiet.stderr


def test_an_interrupt_is_a_sentence(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "import edgekit.devices.workstation as workstation\n"
        "def examine(aim=None):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    yield from ()\n"
        "workstation.examine = examine\n"
        "from edgekit.cli import main\n"
        "sys.argv = ['edgekit', 'doctor']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "Interrupted. Files that were there before are unchanged.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    text = CliRunner().invoke(cli, ["completion", shell]).stdout
    assert f"_EDGEKIT_COMPLETE={shell}_complete" in text


def test_completion_completes_commands() -> None:
    environment = {**os.environ, "_EDGEKIT_COMPLETE": "bash_complete", "COMP_WORDS": "edgekit con", "COMP_CWORD": "1"}
    program = "from edgekit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stdout == "plain,convert\n"
