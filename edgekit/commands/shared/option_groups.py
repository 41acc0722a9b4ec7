"""A command whose help lists its options in groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

_OTHERS = "Other options"


class GroupedCommand(click.Command):
    """A command whose options are shown in groups; options without a group come last.

    Args:
        groups: Parameter names by heading, in display order.
    """

    def __init__(self, *arguments: Any, groups: Mapping[str, tuple[str, ...]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group under its heading."""
        records = {parameter.name: parameter.get_help_record(ctx) for parameter in self.get_params(ctx)}
        for heading, names in self.groups.items():
            _write(formatter, heading, [records.pop(name) for name in names])
        _write(formatter, _OTHERS, list(records.values()))


def _write(formatter: click.HelpFormatter, heading: str, records: list[tuple[str, str] | None]) -> None:
    with formatter.section(heading):
        formatter.write_dl([record for record in records if record is not None])
