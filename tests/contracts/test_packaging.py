"""Three distributions in lockstep, and one place for every version."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-torch.txt"])
def test_constraints_are_names_and_versions_only(name: str) -> None:
    lines = [line.strip() for line in (ROOT / name).read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 30
    for line in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ; .+)?", line), line


def test_ci_runs_the_command_that_the_readme_gives() -> None:
    readme = (ROOT / "README.md").read_text()
    command = "pip install -c constraints.txt -e runtime -e converters -e '.[dev]' && pytest"
    assert re.findall(r"^.*&& pytest$", readme, flags=re.MULTILINE)[0].strip() == command
    assert "pip install -c constraints.txt -e runtime -e converters -e . && edgekit demo" in readme


@pytest.mark.parametrize(
    ("name", "most_bytes"), [("edgekit-runtime", 120_000), ("edgekit-converters", 400_000), ("edgekit", 500_000)]
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
            # What is reviewed is what is released: docstrings and comments are in the wheel.
            if entry.endswith(".py"):
                assert content.read(entry) == (PROJECTS[name] / entry).read_bytes()
        modules = {
            f"{package}/{path.relative_to(PROJECTS[name] / package)}"
            for path in (PROJECTS[name] / package).rglob("*.py")
        }
        assert modules <= set(content.namelist())
        licence = f"{package}-{project(name)['version']}.dist-info/licenses/LICENSE"
        assert content.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert tops == {package, f"{package}-{project(name)['version']}.dist-info"}
    assert wheel.stat().st_size < most_bytes
