"""The import direction, and what may not be loaded where start-up or the device pays for it."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "edgekit_runtime": ROOT / "runtime" / "edgekit_runtime",
    "edgekit_converters": ROOT / "converters" / "edgekit_converters",
    "edgekit": ROOT / "edgekit",
}
FORBIDDEN = {
    "edgekit_runtime": {"edgekit", "edgekit_converters", "click", "rich", "tensorflow", "keras", "h5py"},
    "edgekit_converters": {"edgekit", "click", "rich"},
    "edgekit": set(),
}
#: The parts of edgekit from the bottom up: each imports only what comes before it.
PARTS = (
    *(
        "counting",
        "progress",
        "jobs",
        "datasets",
        "parity",
        "calibration",
        "artifacts",
        "budget",
        "conversion",
        "sequences",
    ),
    *(
        "regression",
        "devices",
        "deployment",
        "prediction",
        "localization",
        "benchmark",
        "model_card",
        "auditing",
        "demo_result",
        "reports",
        "training",
        "demo",
        "studio",
        "pytest_plugin",
        "api",
        "many_models",
        "commands",
    ),
    *("interrupts", "cli", "__main__"),
)
HEAVY = ("tensorflow", "keras", "numpy", "rich", "sklearn", "matplotlib", "h5py", "starlette", "uvicorn")
#: The records that choices and help texts are made from: all that a help text loads of the converters.
RECORDS = {
    "edgekit_converters",
    "edgekit_converters.quantization",
    "edgekit_converters.quantization.modes",
}


def imported_packages(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    files = list(PACKAGES[package].rglob("*.py"))
    assert files
    wrong = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name in imported_packages(file)
        if name in FORBIDDEN[package]
    }
    assert wrong == set()


def imported_parts(file: Path) -> Iterator[str]:
    """Parts of edgekit that a file imports, also within functions and for type checkers."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            # ``from edgekit import demo`` names the part itself.
            whole = node.module == "edgekit"
            names = [f"edgekit.{alias.name}" for alias in node.names] if whole else [node.module or ""]
        yield from (name.split(".")[1] for name in names if name.startswith("edgekit."))


def test_parts_of_edgekit_import_only_what_is_below_them() -> None:
    folder = PACKAGES["edgekit"]
    wrong = set()
    for file in folder.rglob("*.py"):
        part = file.relative_to(folder).with_suffix("").parts[0]
        # The package's own module holds the version, which every part may read.
        if part != "__init__":
            below = {*PARTS[: PARTS.index(part) + 1], "__version__"}
            wrong |= {f"{file.relative_to(ROOT)}: {name}" for name in imported_parts(file) if name not in below}
    assert wrong == set()


def imported_modules(file: Path, modules: set[str]) -> set[str]:
    """Those of ``modules`` that a file imports, also within functions and for type checkers."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # ``from package import module`` names the module; any other name belongs to the package itself.
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= inner if inner <= modules else {node.module or "", *inner}
    return names & modules


def test_modules_of_the_runtime_import_each_other_without_a_circle() -> None:
    folder = PACKAGES["edgekit_runtime"]
    files = {
        ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__"): file
        for file in folder.rglob("*.py")
    }
    graph = {module: imported_modules(file, set(files)) for module, file in files.items()}
    assert graph["edgekit_runtime.model"] >= {"edgekit_runtime.packed_file.golden", "edgekit_runtime.execution.session"}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from edgekit.cli import cli\n"
        f"try: cli({arguments!r}, prog_name='edgekit')\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        f"converters = {{name for name in sys.modules if name.startswith('edgekit_converters')}} - {RECORDS!r}\n"
        "print(heavy + sorted(converters), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: edgekit")
    assert done.stderr.strip() == "[]"


def test_the_runtime_imports_neither_tensorflow_nor_click_nor_pillow() -> None:
    program = (
        "import sys, edgekit_runtime\n"
        "print([name for name in ('tensorflow', 'keras', 'click', 'PIL', 'h5py') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
