"""Shell completion for option values; names are imported only when the shell asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_targets(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of targets."""
    from edgekit_converters.targets.target import target_names

    return [name for name in target_names() if name.startswith(incomplete)]


def complete_metrics(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of metrics, after ``OUTPUT=`` as well."""
    from edgekit.parity.average_precision import BOX_METRICS
    from edgekit.parity.metrics import METRICS

    output, equals, begun = incomplete.rpartition("=")
    return [f"{output}{equals}{name}" for name in (*METRICS, *BOX_METRICS) if name.startswith(begun)]


def complete_data(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of built-in datasets; otherwise the shell completes files and folders."""
    from click.shell_completion import CompletionItem

    from edgekit.datasets.kinds import KINDS, Form

    names = [kind.name for kind in KINDS if kind.form is Form.NAME and kind.name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]
