"""Prints the result of a command as text or JSON, and exits with the result's exit code."""

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
    """Print a result, and exit with an error code unless it passed.

    Args:
        data: Returns the result as plain values; called for JSON only.
        text: Prints the result; called for text only.
        as_json: Whether to print JSON.
        required: Functions that raise if the result did not pass; see ``require``.
        exit_code: Exit code of a result whose text states what failed.
    """
    # Only needed after the work.
    from edgekit.reports.terminal.tables import print_json

    if as_json:
        print_json(data())
    else:
        text()
    require(required, as_json=as_json)
    exit_with(exit_code)


def require(checks: Iterable[Callable[[], None]], *, as_json: bool) -> None:
    """Run checks that raise; for JSON, which contains the verdict, only the exit code of the error is used.

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
    """Open a report in the user's browser, or report on stderr that there is none."""
    import webbrowser

    if not webbrowser.open(html.absolute().as_uri()):
        click.echo(f"No browser was found to open {html}.", err=True)
