"""Commands that pages, the README and samples name exist, with the options that they are given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from edgekit.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "docs" / "pages").rglob("*.md")),
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "samples/README.md", "samples/ci/github.yml")
    ),
]
#: ``edgekit``, a word and the rest: of a line of code, or of an inline piece of it.
_COMMAND = re.compile(r"(?:[`$&] ?|^ +|^```sh\n)edgekit ([a-z]+)((?:(?!&&|[`#|;\n]).)*)", flags=re.MULTILINE)


def commands_in(text: str) -> Iterator[tuple[str, list[str]]]:
    """Names of commands with the options that follow them; continued lines are joined."""
    for name, rest in _COMMAND.findall(text.replace("\\\n", " ")):
        yield name, re.findall(r"(?<=\s)(--?[a-z][a-z0-9-]*)", rest)


def unknown_parts(text: str) -> list[str]:
    """Commands and options of ``text`` that edgekit does not have."""
    unknown = []
    context = click.Context(cli)
    for name, options in commands_in(text):
        command = cli.get_command(context, name)
        if command is None:
            unknown.append(f"edgekit {name}")
            continue
        known = {"-h", "--help"}
        # Subcommands are few: their options count for the group.
        for each in [command, *(command.commands.values() if isinstance(command, click.Group) else ())]:
            known |= {
                spelling for parameter in each.params for spelling in [*parameter.opts, *parameter.secondary_opts]
            }
        unknown += [f"edgekit {name} {option}" for option in options if option not in known]
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path) -> None:
    assert unknown_parts(page.read_text(encoding="utf-8")) == []


def test_the_pages_name_most_commands() -> None:
    named = {name for page in PAGES for name, _ in commands_in(page.read_text(encoding="utf-8"))}
    assert len(named & set(cli.list_commands(click.Context(cli)))) > 15


def test_a_wrong_option_is_found() -> None:
    text = (
        "$ edgekit convert model.h5 \\\n    --quantise int8\n\nor `edgekit frobnicate --x` and `edgekit check --strict`"
    )
    assert unknown_parts(text) == ["edgekit convert --quantise", "edgekit frobnicate"]
