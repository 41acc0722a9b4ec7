"""Leaves the comments out of the wheel: they are for readers of the repository, and 4 kB on the way to a device.

Lines keep their numbers, for tracebacks; docstrings stay, for ``help()``.
"""

from __future__ import annotations

import io
import tempfile
import tokenize
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommentsHook(BuildHookInterface):
    """Puts the modules, without their comments, in the place of those that the wheel would hold."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory()
        package = Path(self.root) / "edgekit_runtime"
        for path in sorted(package.glob("*.py")):
            stripped = Path(self._folder.name) / path.name
            stripped.write_text(without_comments(path.read_text(encoding="utf-8")), encoding="utf-8")
            build_data["force_include"][str(stripped)] = f"edgekit_runtime/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when it is built."""
        if version != "editable":
            self._folder.cleanup()


def without_comments(source: str) -> str:
    """The same program on the same lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines) + "\n"
