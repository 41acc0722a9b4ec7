"""Exported programs with a member changed, added or listed twice."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parents[2] / "data" / "exported_programs"
MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"

Edit = Callable[[Any], None]


def members(name: str = "cnn") -> dict[str, bytes]:
    """The members of a program of ``tests/data/exported_programs``, without their folder."""
    with zipfile.ZipFile(PROGRAMS / f"{name}.pt2") as archive:
        return {entry.partition("/")[2]: archive.read(entry) for entry in archive.namelist()}


def write(path: Path, content: dict[str, bytes], *more: tuple[str | zipfile.ZipInfo, bytes], compress: int = 0) -> Path:
    """Write an archive; ``more`` are further members under their whole name, which may be there already."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compress) as archive:
        warnings.simplefilter("ignore")
        for name, data in content.items():
            archive.writestr(f"m/{name}", data)
        for entry, data in more:
            archive.writestr(entry, data)
    return path


def edited(member: str, edit: Edit, name: str = "cnn") -> dict[str, bytes]:
    """The members of a program, the JSON of one of them changed."""
    content = members(name)
    parsed = json.loads(content[member])
    edit(parsed)
    return content | {member: json.dumps(parsed).encode()}


def graph(description: Any) -> Any:
    """The graph of a parsed description."""
    return description["graph_module"]["graph"]
