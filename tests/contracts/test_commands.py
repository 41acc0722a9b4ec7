"""Command modules parse, call and report: tables, JSON and exit codes have their own places."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMANDS = Path(__file__).resolve().parents[2] / "edgekit" / "commands"
#: What formats columns, prints tables or writes JSON.
FORMATTING = {"edgekit.reports.terminal.tables", "json", "rich"}


def offences(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in FORMATTING)
            yield from (alias.name for alias in node.names if alias.name in FORMATTING)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module, node.module.partition(".")[0], *(f"{node.module}.{each.name}" for each in node.names)}
            yield from names & FORMATTING
        elif isinstance(node, ast.Call) and "exit" in ast.unparse(node.func).lower():
            numbers = [each.value for each in node.args if isinstance(each, ast.Constant)]
            yield from (f"{ast.unparse(node.func)}({number})" for number in numbers)


@pytest.mark.parametrize("file", sorted(COMMANDS.rglob("*.py")), ids=lambda file: file.stem)
def test_a_command_builds_no_table_writes_no_json_and_names_no_exit_code(file: Path) -> None:
    # One module prints JSON for all of them.
    allowed = {"edgekit.reports.terminal.tables"} if file.stem == "reporting" else set()
    assert set(offences(file.read_text())) == allowed


@pytest.mark.parametrize(
    "source",
    [
        "from edgekit.reports.terminal.tables import print_table",
        "from edgekit.reports.terminal import tables",
        "from rich.table import Table",
        "import json",
        "click.get_current_context().exit(3)",
        "raise click.exceptions.Exit(1)",
        "raise SystemExit(2)",
    ],
)
def test_an_offence_is_found(source: str) -> None:
    assert set(offences(source))
