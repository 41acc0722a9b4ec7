"""The notebook runs from top to bottom: its cells in order, in a process of their own, without Jupyter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"

#: Runs the cells of a notebook in one namespace, and prints the value of each cell's last expression as Jupyter does.
RUN_CELLS = """
import ast, json, sys

names = {"__name__": "__main__"}
for number, source in enumerate(json.load(open(sys.argv[1], encoding="utf-8"))):
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"cell {number}", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        if value is not None:
            print(repr(value))
            html = getattr(value, "_repr_html_", lambda: "<p>")()
            assert html.lstrip().startswith("<"), html
"""


def cells_of(notebook: Path) -> list[dict]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    return content["cells"]


def test_the_notebook_runs(tmp_path: Path) -> None:
    cells = cells_of(NOTEBOOKS / "keras_to_label.ipynb")
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (tmp_path / "cells.json").write_text(json.dumps(sources), encoding="utf-8")
    command = [sys.executable, "-c", RUN_CELLS, "cells.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = (float(part.split("%")[0]) for part in done.stdout.splitlines()[-2].split(", "))
    assert before > 85
    assert before - after <= 1
    # The first of the held-back digits is a 1.
    assert done.stdout.splitlines()[-1] == "('1', 1)"


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_committed_without_output(notebook: Path) -> None:
    for cell in cells_of(notebook):
        assert cell["id"]
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
