"""``import edgekit``: what is public, how light it is, and how it documents itself."""

from __future__ import annotations

import inspect
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import edgekit

FUNCTIONS = [name for name in edgekit.__all__ if isinstance(getattr(edgekit, name), types.FunctionType)]


def loaded_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_edgekit_loads_nothing_that_click_does_not_load() -> None:
    assert loaded_by("import edgekit") - loaded_by("import click") == {"edgekit"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_naming_a_function_loads_nothing_heavy(name: str) -> None:
    loaded = {module.partition(".")[0] for module in loaded_by(f"import edgekit\nedgekit.{name}")}
    assert loaded & {"numpy", "rich", "click", "tensorflow", "keras", "sklearn", "matplotlib", "pydantic"} == set()


def test_every_public_name_exists_and_nothing_else_is_listed() -> None:
    assert set(dir(edgekit)) == set(edgekit.__all__)
    assert all(hasattr(edgekit, name) for name in edgekit.__all__)
    assert edgekit.__all__ == sorted(edgekit.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'edgekit' has no attribute 'convrt'"):
        _ = edgekit.convrt  # type: ignore[attr-defined]


def test_no_module_hides_a_public_name() -> None:
    assert {module.name for module in pkgutil.iter_modules(edgekit.__path__)} & set(edgekit.__all__) == set()


@pytest.mark.parametrize("name", [name for name in edgekit.__all__ if name != "__version__"])
def test_every_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(edgekit, name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_explains_each_argument_the_result_the_errors_and_an_example(name: str) -> None:
    function = getattr(edgekit, name)
    text = inspect.getdoc(function) or ""
    sections = re.split(r"^(Args|Returns|Raises|Example):\n", text, flags=re.MULTILINE)
    assert sections[1::2] == ["Args", "Returns", "Raises", "Example"]
    documented = dict(re.findall(r"^    (\w+): ((?:.+\n(?:      .+\n)*))", sections[2], flags=re.MULTILINE))
    parameters = inspect.signature(function).parameters
    assert list(documented) == list(parameters)
    for parameter in parameters.values():
        if parameter.default is not inspect.Parameter.empty:
            assert re.search(r"Default:\s", documented[parameter.name]), parameter.name
    assert "EdgekitError" in sections[6]
    assert ">>> import edgekit" in sections[8]


def test_type_checkers_see_what_is_loaded_lazily() -> None:
    source = Path(edgekit.__file__).read_text()
    assert source.count("from edgekit") - source.count(">>>") >= 1
    stated = re.findall(r"^        (\w+),$|^    from \S+ import ([\w, ]+)$", source, flags=re.MULTILINE)
    names = {name for one, several in stated for name in (one, *several.split(", ")) if name}
    assert names == set(edgekit.__all__) - {"__version__"}
