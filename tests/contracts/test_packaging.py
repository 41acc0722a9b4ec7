"""Three distributions in lockstep, and one place for every version."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of each distribution, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    for project_folder in PROJECTS.values():
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(project_folder)]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def distribution(built: Path, name: str, suffix: str) -> Path:
    (path,) = built.glob(f"{name.replace('-', '_')}-[0-9]*{suffix}")
    return path


@pytest.mark.parametrize(
    ("name", "most_bytes"), [("edgekit-runtime", 300_000), ("edgekit-converters", 600_000), ("edgekit", 800_000)]
)
def test_wheels_hold_their_own_package_only(name: str, most_bytes: int, built: Path) -> None:
    wheel = distribution(built, name, ".whl")
    package = name.replace("-", "_")
    with zipfile.ZipFile(wheel) as content:
        tops = {entry.partition("/")[0] for entry in content.namelist()}
        assert f"{package}/py.typed" in content.namelist()
        for entry in content.namelist():
            # What is reviewed is what is released: docstrings and comments are in the wheel.
            if entry.endswith(".py"):
                source = entry.replace("edgekit/fleet_collection/", "fleet/ansible/")
                assert content.read(entry) == (PROJECTS[name] / source).read_bytes()
        modules = {
            f"{package}/{path.relative_to(PROJECTS[name] / package)}"
            for path in (PROJECTS[name] / package).rglob("*.py")
        }
        assert modules <= set(content.namelist())
        licence = f"{package}-{project(name)['version']}.dist-info/licenses/LICENSE"
        assert content.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert tops == {package, f"{package}-{project(name)['version']}.dist-info"}
    assert wheel.stat().st_size < most_bytes


@pytest.mark.parametrize("name", PROJECTS)
def test_sdists_hold_their_own_project_only(name: str, built: Path) -> None:
    package, version = name.replace("-", "_"), project(name)["version"]
    with tarfile.open(distribution(built, name, ".tar.gz")) as content:
        paths = {member.name.removeprefix(f"{package}-{version}/") for member in content.getmembers()}
    assert {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", f"{package}/__init__.py"} <= paths
    others = {other.replace("-", "_") for other in PROJECTS} - {package}
    assert not [path for path in paths if path.split("/")[0] in {*others, "runtime", "converters", "tests", "docs"}]


def test_twine_accepts_what_is_released(built: Path) -> None:
    files = sorted(str(path) for path in built.iterdir())
    assert len(files) == 2 * len(PROJECTS)
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("PASSED") == len(files)


def test_wheels_install_from_files_and_run(built: Path, tmp_path: Path) -> None:
    """The three wheels in an environment of their own; only what they depend on comes from this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    python = tmp_path / "bin" / "python"
    wheels = [str(distribution(built, name, ".whl")) for name in PROJECTS]
    install = ["install", "--quiet", "--no-index", "--no-deps", *wheels]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True)
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    # A path file within that folder is not read, so the editable installations of this repository stay out.
    (packages / "dependencies.pth").write_text(f"{Path(np.__file__).parents[1]}\n")
    for name in PROJECTS:
        package = name.replace("-", "_")
        program = f"import {package}; print({package}.__file__, {package}.__version__)"
        printed = subprocess.run(
            [python, "-c", program], check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout
        assert printed.split() == [str(packages / package / "__init__.py"), project(name)["version"]]
    for command in ([tmp_path / "bin" / "edgekit"], [python, "-m", "edgekit_runtime"]):
        shown = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
        assert shown.lower().startswith("usage: ")


def test_the_release_workflow_builds_all_three_and_says_that_it_never_ran() -> None:
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    workflow = yaml.safe_load(text)
    assert "has never run" in text
    assert "for project in runtime converters ." in text
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert build["permissions"] == {"contents": "read", "id-token": "write", "attestations": "write"}
    assert any(step.get("uses", "").startswith("actions/attest-build-provenance@") for step in build["steps"])
    assert publish["needs"] == "build"


def test_issue_templates_and_the_citation_are_read() -> None:
    templates = [path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").iterdir() if path.name != "config.yml"]
    assert len(templates) == 3
    for path in templates:
        template = yaml.safe_load(path.read_text())
        assert template["name"]
        assert template["description"]
        assert all(field["attributes"]["label"] for field in template["body"])
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project("edgekit")["version"]
    assert citation["license"] == project("edgekit")["license"]
