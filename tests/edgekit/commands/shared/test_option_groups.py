"""The help of a command in groups shows each option once, the everyday ones first."""

from __future__ import annotations

import re

import click
from click.testing import CliRunner

from edgekit.cli import cli
from edgekit.commands.shared.option_groups import GroupedCommand


def shown_options(text: str) -> dict[str, list[str]]:
    """The first name of each option, by heading."""
    groups: dict[str, list[str]] = {}
    for line in text.splitlines():
        if heading := re.fullmatch(r"(\w[\w ]*):", line):
            groups[heading[1]] = []
        elif option := re.match(r"  (-[-\w]+)", line):
            list(groups.values())[-1].append(option[1])
    return groups


def test_the_help_of_convert_begins_with_the_everyday_options() -> None:
    result = CliRunner().invoke(cli, ["convert", "--help"], terminal_width=80)
    groups = shown_options(result.stdout)
    assert groups["Everyday options"] == ["--quantize", "--data", "--max-drop", "--target", "-o"]
    assert groups["Other options"] == ["--json", "-v", "--debug", "-h"]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_help_of_convert_shows_every_option_once() -> None:
    groups = shown_options(CliRunner().invoke(cli, ["convert", "--help"]).stdout)
    shown = [option for options in groups.values() for option in options]
    command = cli.get_command(click.Context(cli), "convert")
    assert command is not None
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert len(shown) == len(set(shown)) == len(options) + 1, "and --help"


def test_a_new_option_is_among_the_others_until_it_is_grouped() -> None:
    @click.command(cls=GroupedCommand, groups={"First": ("known",)})
    @click.option("--known")
    @click.option("--new")
    def command(known: str, new: str) -> None:
        pass

    assert shown_options(CliRunner().invoke(command, ["--help"]).stdout) == {
        "First": ["--known"],
        "Other options": ["--new", "--help"],
    }
