"""How a command shows its result and ends: as text or JSON, with the result's own exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from edgekit_runtime.errors import BelowThresholdError, EdgekitError


def report(
    data: Callable[[], object],
    text: Callable[[], object],
    *,
    as_json: bool,
    required: Iterable[Callable[[], None]] = (),
    exit_code: int = 0,
) -> None:
    """Show a result, and end the command unless the result passed.

    Args:
        data: Gives the result as plain values; called for JSON only.
        text: Prints the result; called for text only.
        as_json: Whether the user asked for JSON.
        required: Raise if the result did not pass; see ``require``.
        exit_code: The result's own, for a text that says itself what failed.
    """
    # Only needed after the work.
    from edgekit.reports.tables import print_json

    if as_json:
        print_json(data())
    else:
        text()
    require(required, as_json=as_json)
    exit_with(exit_code)


def require(checks: Iterable[Callable[[], None]], *, as_json: bool) -> None:
    """Run checks that raise; after JSON, which holds the verdict, only the exit code of the error is left.

    Raises:
        EdgekitError: The first that a check raises.
    """
    try:
        for check in checks:
            check()
    except EdgekitError as error:
        if not as_json:
            raise
        exit_with(error.exit_code)


def exit_code_of(passed: bool) -> int:
    """The exit code for a missed threshold, or 0."""
    return 0 if passed else BelowThresholdError.exit_code


def exit_with(exit_code: int) -> None:
    """End the running command, unless the code is 0."""
    if exit_code:
        click.get_current_context().exit(exit_code)


def open_in_browser(html: Path) -> None:
    """Open a report in the user's browser, or say on stderr that there is none."""
    import webbrowser

    if not webbrowser.open(html.absolute().as_uri()):
        click.echo(f"There is no browser to open {html} with.", err=True)
