"""Three distributions in lockstep, and one place for every version."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {"edgekit": ROOT, "edgekit-converters": ROOT / "converters", "edgekit-runtime": ROOT / "runtime"}


def project(name: str) -> dict:
    return tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text())["project"]


def test_versions_are_in_lockstep() -> None:
    version = project("edgekit")["version"]
    assert {project(name)["version"] for name in PROJECTS} == {version}
    assert f"edgekit-converters=={version}" in project("edgekit")["dependencies"]
    assert f"edgekit-runtime=={version}" in project("edgekit-converters")["dependencies"]
    for name, folder in PROJECTS.items():
        package = name.replace("-", "_")
        assert f'__version__ = "{version}"' in (folder / package / "__init__.py").read_text()


def test_constraints_are_names_and_versions_only() -> None:
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 30
    for line in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ; .+)?", line), line


def test_ci_runs_the_command_that_the_readme_gives() -> None:
    readme = (ROOT / "README.md").read_text()
    command = "pip install -c constraints.txt -e runtime -e converters -e '.[dev]' && pytest"
    assert re.findall(r"^.*&& pytest$", readme, flags=re.MULTILINE)[0].strip() == command
    assert "pip install -c constraints.txt -e runtime -e converters -e . && edgekit demo" in readme


def program(source: bytes) -> str:
    """What a module does, without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body[:1] = [] if len(node.body) > 1 else [ast.Pass()]
    return ast.dump(tree)


@pytest.mark.parametrize(
    ("name", "most_bytes"), [("edgekit-runtime", 60_000), ("edgekit-converters", 400_000), ("edgekit", 400_000)]
)
def test_wheels_hold_their_own_package_only(name: str, most_bytes: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(PROJECTS[name])], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    package = name.replace("-", "_")
    with zipfile.ZipFile(wheel) as content:
        tops = {entry.partition("/")[0] for entry in content.namelist()}
        assert f"{package}/py.typed" in content.namelist()
        for entry in content.namelist():
            # The runtime's wheel leaves out comments and docstrings, and nothing else.
            if entry.endswith(".py"):
                assert program(content.read(entry)) == program((PROJECTS[name] / entry).read_bytes())
        modules = {
            f"{package}/{path.relative_to(PROJECTS[name] / package)}"
            for path in (PROJECTS[name] / package).rglob("*.py")
        }
        assert modules <= set(content.namelist())
    assert tops == {package, f"{package}-{project(name)['version']}.dist-info"}
    assert wheel.stat().st_size < most_bytes


def test_help_is_there_for_what_users_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(ROOT / "runtime")], check=True, capture_output=True)
    program = """
import edgekit_runtime
for name in edgekit_runtime.__all__:
    value = getattr(edgekit_runtime, name)
    print(name, bool(value.__doc__))
print("Model.predict", bool(edgekit_runtime.Model.predict.__doc__))
"""
    (wheel,) = tmp_path.glob("*.whl")
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert "False" not in done.stdout
    assert done.stdout.count("True") > 4
