"""How a command ends once its result has been shown."""

from __future__ import annotations

import click

from edgekit_runtime.errors import BelowThresholdError


def exit_unless_passed(passed: bool) -> None:
    """End the running command with the exit code for a missed threshold, unless its result passed."""
    if not passed:
        click.get_current_context().exit(BelowThresholdError.exit_code)
