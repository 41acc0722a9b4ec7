"""Pages that are made when the site is built: the commands from click, the Python reference from ``__all__``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import click


def commands_page() -> str:
    """Every command with the help text that a terminal of 80 columns shows."""
    from edgekit.cli import cli

    sections = [
        "# Commands",
        "Generated from the commands themselves. Exit codes: 0 success, 1 error, 2 usage, 3 below a threshold.",
    ]
    for path, command, context in _commands(cli, "edgekit"):
        sections += [f"{'#' * min(len(path.split()) + 1, 3)} {path}", f"```text\n{command.get_help(context)}\n```"]
    sections += ["## python -m edgekit_runtime", f"```text\n{_runtime_help()}\n```"]
    return "\n\n".join(sections) + "\n"


def _commands(
    command: click.Command, path: str, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    settings = {**command.context_settings, "terminal_width": 80, "color": False}
    context = click.Context(command, parent=parent, info_name=path.rpartition(" ")[2], **settings)
    yield path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _commands(child, f"{path} {name}", context)


def _runtime_help() -> str:
    import os
    import subprocess
    import sys

    command = [sys.executable, "-m", "edgekit_runtime", "--help"]
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.rstrip()


def python_page(module_name: str, introduction: str) -> Callable[[], str]:
    """A page of the public names of a module, those in its ``__all__``.

    Args:
        module_name: Module with ``__all__``.
        introduction: Paragraphs above the names, as Markdown.
    """

    def generate() -> str:
        module = importlib.import_module(module_name)
        sections = [f"# {module_name}", introduction]
        public = [(name, getattr(module, name)) for name in module.__all__ if not name.startswith("__")]
        groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": []}
        for name, value in public:
            if inspect.isclass(value) and issubclass(value, Exception):
                groups["Errors"].append(name)
            else:
                groups["Classes" if inspect.isclass(value) else "Functions"].append(name)
        for heading, names in groups.items():
            if not names:
                continue
            sections.append(f"## {heading}")
            for name in names:
                value = getattr(module, name)
                sections.append(f"::: {value.__module__}.{value.__qualname__}\n    options:\n      heading_level: 3")
        return "\n\n".join(sections) + "\n"

    return generate


def glossary_page() -> str:
    """The section "Words" of CONTRIBUTING.md, which is the one place where words are defined."""
    contributing = (Path(__file__).resolve().parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = contributing.partition("\n## Words\n")[2].partition("\n## ")[0]
    return f"# Glossary\n{section}"


def modules_page(title: str, introduction: str, module_names: tuple[str, ...]) -> Callable[[], str]:
    """A page of whole modules, for a package without ``__all__``.

    Args:
        title: Heading of the page.
        introduction: Paragraphs above the modules, as Markdown.
        module_names: Modules in the order of the page.
    """
    return lambda: "\n\n".join([f"# {title}", introduction, *(f"::: {name}" for name in module_names)]) + "\n"


#: Pages by their path below ``pages/``.
GENERATED_PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/edgekit.md": python_page(
        "edgekit",
        "`import edgekit` offers what the commands do. The names on this page are public; everything else may change "
        "with any release.",
    ),
    "glossary.md": glossary_page,
    "reference/edgekit_converters.md": modules_page(
        "edgekit_converters",
        "The conversion as a library. Its modules may change with any release; `import edgekit` is the stable way to "
        "convert. These are the ones that are useful by themselves.",
        (
            "edgekit_converters.quantization.modes",
            "edgekit_converters.targets.target",
            "edgekit_converters.keras_files.summary",
            "edgekit_converters.packaging.artifact",
            "edgekit_converters.packaging.signing",
        ),
    ),
    "reference/edgekit_runtime.md": python_page(
        "edgekit_runtime", "Inference on the device. It needs numpy and one interpreter."
    ),
}
