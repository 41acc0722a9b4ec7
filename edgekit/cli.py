"""Defines the command line: one group, whose commands are imported when they are used."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import click

from edgekit import __version__, interrupts
from edgekit_runtime.errors import EdgekitError
from edgekit_runtime.interpreters.startup_note import keep_off_stderr
from edgekit_runtime.printable_text import filter_streams, printable_streams

#: The first sentence of each command's help by its name, so that ``edgekit --help`` imports no command.
COMMANDS = {
    "demo": "Train on real digits, convert, compare, and verify.",
    "train": "Train the reference CNN; save it as model.h5 and model.keras.",
    "convert": "Convert MODEL, a Keras or PyTorch model, to TFLite.",
    "validate": "Compare each TFLITE with the MODEL that it was converted from.",
    "check": "Compare models with the committed baseline.",
    "history": "Show the results recorded by `edgekit check --history FILE`.",
    "predict": "Classify EXAMPLES with MODEL, or find boxes or masks.",
    "studio": "Try MODELS in the browser, side by side.",
    "inspect": "Show the contents of MODEL without running it.",
    "card": "Write the model card of MODEL, a .tflite.",
    "audit": "Find problems in MODEL, a .tflite made by any tool.",
    "pack": "Pack labels, preprocessing and more into MODEL.",
    "unpack": "Write the parts of MODEL, a packed .tflite, to a folder.",
    "keygen": "Write a new Ed25519 key to KEY and its public key next to it.",
    "sign": "Sign MODEL, a .tflite, and every part packed with it.",
    "verify": "Verify MODEL, a packed .tflite, on this machine.",
    "targets": "List the runtimes that --target accepts.",
    "export": "Write MODEL (.tflite) as C source.",
    "bench": "Time MODELS (.tflite), or explain why they are slow.",
    "devices": "Run models on a Raspberry Pi, emulated or real.",
    "push": "Install MODEL, a .tflite, on each DEVICE.",
    "status": "Show the models installed on each DEVICE.",
    "rollback": "Return to the version of NAME before, on each DEVICE.",
    "index": "Publish models for devices that pull them.",
    "doctor": "Check this machine: Python, packages, interpreters.",
    "completion": "Print the completion script for a SHELL.",
}


class EdgekitGroup(click.Group):
    """Imports each command from ``edgekit.commands``, and turns errors into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"edgekit.commands.{cmd_name}").command
        _add_diagnostic_options(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}.{_suggestion(name)}")
        return super().resolve_command(ctx, args)

    def main(self, *arguments: Any, **options: Any) -> Any:
        # Names, labels and notes from files reach the terminal in many ways, so the streams themselves are filtered.
        with printable_streams():
            return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            _end_interrupted()
        except EdgekitError as error:
            _fail_with(ctx, error)
        except Exception as error:
            _fail_with(ctx, _unexpected(error))


def _suggestion(name: str) -> str:
    """A question with the commands most similar to a mistyped name, or an empty string."""
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _add_diagnostic_options(command: click.Command) -> None:
    """Add the diagnostic options to a command, or to every command of a group."""
    if isinstance(command, click.Group):
        for member in command.commands.values():
            _add_diagnostic_options(member)
    elif not any(parameter.name == "debug" for parameter in command.params):
        command.params.extend(_diagnostic_options())


def _diagnostic_options() -> list[click.Option]:
    """The options of every command, whose values are read by ``_fail_with`` and by logging."""
    return [
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_set_verbosity,
            help="Show progress details; -vv for more.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_set_debug,
            help="Show the traceback of an error.",
        ),
    ]


def _set_verbosity(_ctx: click.Context, _parameter: click.Parameter, count: int) -> None:
    if count:
        import logging

        level = logging.INFO if count == 1 else logging.DEBUG
        logging.basicConfig(format="%(name)s: %(message)s")
        for package in ("edgekit", "edgekit_converters"):
            logging.getLogger(package).setLevel(level)


def _set_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().meta["edgekit.debug"] = True


def _unexpected(error: Exception) -> EdgekitError:
    if isinstance(error, OSError) and error.filename:
        return EdgekitError(f"{error.filename}: {error.strerror}.")
    if isinstance(error, MemoryError):
        return EdgekitError("There is not enough memory.", next_step="pass fewer samples or a smaller model")
    wrapped = EdgekitError(
        f"Unexpected error: {type(error).__name__}: {error}",
        next_step="run the command again with --debug and report the traceback",
    )
    wrapped.__cause__ = error
    return wrapped


def _fail_with(ctx: click.Context, error: EdgekitError) -> NoReturn:
    if interrupts.pressed():
        _end_interrupted()
    if ctx.meta.get("edgekit.debug"):
        raise error
    if ctx.meta.get("edgekit.json"):
        import json

        click.echo(json.dumps(error.to_dict()))
    _exit(f"Error: {error}", error.exit_code)


def _end_interrupted() -> NoReturn:
    _say_interrupted()
    raise click.exceptions.Exit(EdgekitError.exit_code)


def _close_bars() -> None:
    # A command that has shown no bars has not imported the module.
    if "edgekit.progress" in sys.modules:
        from edgekit.progress import close_bars

        close_bars()


def _say_interrupted() -> None:
    interrupts.arrived()
    _close_bars()
    click.echo("Interrupted. Files that were there before are unchanged.", err=True)


def _exit(message: str, exit_code: int) -> NoReturn:
    _close_bars()
    click.echo(message, err=True)
    raise click.exceptions.Exit(exit_code)


@click.group(cls=EdgekitGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="edgekit")
def cli() -> None:
    """Convert a model for a small device, and prove that it still works there."""


def main() -> None:
    """Entry point of the ``edgekit`` command."""
    keep_off_stderr()
    # The streams stay filtered after the call, because the traceback of --debug is written later.
    filter_streams()
    interrupts.watch()
    try:
        cli(prog_name="edgekit")
    except KeyboardInterrupt:
        # Ctrl-C was pressed before a command started or after it ended.
        _say_interrupted()
        raise SystemExit(EdgekitError.exit_code) from None
