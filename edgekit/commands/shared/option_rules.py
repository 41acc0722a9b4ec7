"""Options that need or exclude each other: usage errors before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from click.core import ParameterSource

from edgekit_runtime.errors import UsageError


def require_consistent(
    needs: Mapping[str, Sequence[str]] | None = None,
    excludes: Mapping[str, Sequence[str]] | None = None,
    values: Mapping[str, tuple[str, Sequence[str], str]] | None = None,
) -> None:
    """Check the options of the current command that the user gave.

    Args:
        needs: By the name of a parameter, those of which at least one has to be given with it.
        excludes: By the name of a parameter, those that do not go with it.
        values: By the name of a parameter, another parameter, the values of that one that it applies to, and a flag
            that may be given instead.
    Raises:
        UsageError: An option lacks another one, or two contradict each other.
    """
    ctx = click.get_current_context()
    options = {str(each.name): max(each.opts, key=len) for each in ctx.command.params}
    given = {name for name in options if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    for name, others in (excludes or {}).items():
        for other in given.intersection(others) if name in given else ():
            raise UsageError(
                f"{options[name]} and {options[other]} contradict each other.", next_step="leave one of them out"
            )
    for name, (other, suited, flag) in (values or {}).items():
        if name in given and flag not in given and ctx.params[other] not in suited:
            raise UsageError(
                f"{options[name]} does nothing for {options[other]} {ctx.params[other]}.",
                expected=f"{options[other]} {' or '.join(suited)}",
                next_step=f"leave {options[name]} out, or choose another {options[other]}",
            )
    for name, others in (needs or {}).items():
        if name in given and not given.intersection(others):
            wanted = " or ".join(options[other] for other in others)
            raise UsageError(
                f"{options[name]} does nothing without {wanted}.",
                next_step=f"add {wanted}, or leave {options[name]} out",
            )
