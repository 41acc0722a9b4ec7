"""``edgekit completion``: a script that lets the shell complete commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a SHELL.

    \b
    Bash: edgekit completion bash >> ~/.bash_completion
    Zsh:  edgekit completion zsh > ~/.zfunc/_edgekit
    Fish: edgekit completion fish > ~/.config/fish/completions/edgekit.fish
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise click.UsageError(f"click cannot complete for {shell}")
    completion = completion_class(ctx.find_root().command, {}, "edgekit", "_EDGEKIT_COMPLETE")
    if shell == "bash":
        # click's own source() starts bash to check its version, which this script does not need to know.
        click.echo(completion.source_template % completion.source_vars())
    else:
        click.echo(completion.source())
