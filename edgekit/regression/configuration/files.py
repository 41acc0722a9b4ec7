"""Finds the configuration file of ``edgekit check`` and parses its TOML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from edgekit_runtime.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN_FILE, PROJECT_FILE = "edgekit.toml", "pyproject.toml"
_EXAMPLE = """\
[tool.edgekit]
data = "digits"
[tool.edgekit.models.digits]
file = "model-int8.tflite\""""


def find_configuration(folder: Path) -> Path:
    """Find the only configuration in a folder and the folders above it.

    Raises:
        UsageError: There is none, or there are several, and one would hide the limits of the others.
    """
    found = configurations_in_reach(folder)
    if len(found) > 1:
        raise UsageError(
            "Several configurations for edgekit check were found, and one would hide the limits of the others.",
            expected=f"one {OWN_FILE}, or one section [tool.edgekit] in {PROJECT_FILE}",
            received=", ".join(map(str, found)),
            next_step="delete all but one, or select one with --config",
        )
    if not found:
        raise UsageError(
            "No configuration for edgekit check was found.",
            expected=f"{OWN_FILE}, or a section [tool.edgekit] in {PROJECT_FILE}",
            received=f"neither in {folder} nor above it",
            next_step=f"write {PROJECT_FILE} with:\n{_EXAMPLE}",
        )
    return found[0]


def configurations_in_reach(folder: Path) -> list[Path]:
    """The configurations in a folder and the folders above it, nearest first.

    Folders above the root of a git repository are searched only if nothing was found inside it.

    Raises:
        UsageError: A ``pyproject.toml`` on the way is not valid TOML.
    """
    found: list[Path] = []
    for candidate in (folder, *folder.parents):
        own, project = candidate / OWN_FILE, candidate / PROJECT_FILE
        if own.is_file():
            found.append(own)
        if project.is_file() and "edgekit" in tools(read_toml(project)):
            found.append(project)
        if found and (candidate / ".git").exists():
            break
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        UsageError: The file is missing, cannot be read, or is not valid TOML.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"The configuration {path} does not exist.", next_step="check the path") from None
    except OSError as error:
        raise UsageError(f"{path} could not be read.", received=error.strerror or str(error)) from error
    return parse_toml(content, path)


def parse_toml(content: bytes, path: Path) -> dict[str, Any]:
    """Parse the content of a TOML file.

    Args:
        content: Content of the file, UTF-8.
        path: The file, for the message.
    Raises:
        UsageError: The content is not valid TOML.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise UsageError(f"{path} is not valid TOML.", received="lists nested too deeply") from error
    # Python's parser also raises plain ValueError, for example for month 13 or a number of 5,000 digits.
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML.", received=str(error)) from error


def tools(project: dict[str, Any]) -> dict[str, Any]:
    """The sections of ``[tool]`` in a pyproject.toml; empty if the value is not a section."""
    sections = project.get("tool", {})
    return sections if isinstance(sections, dict) else {}
