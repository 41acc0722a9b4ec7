"""The documentation site builds without a warning, loads nothing from the network, and names only files that exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "pages"

needs_mkdocs = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="needs pip install 'edgekit[docs]'",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("docs")
    command = [sys.executable, str(ROOT / "docs" / "build_site.py"), "--output", str(output)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return output / "site"


class Loaded(HTMLParser):
    """Collects the addresses that a browser fetches by itself: not links, which wait for a click."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "prev", "next"):
            return
        if tag in ("script", "img", "iframe", "source", "video", "audio", "link"):
            self.addresses += [value for name in ("src", "href", "srcset") if (value := values.get(name))]


@needs_mkdocs
def test_pages_load_nothing_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert loaded.addresses
        outside = [address for address in loaded.addresses if re.match(r"(\w+:)?//", address)]
        assert outside == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text()), style


@needs_mkdocs
def test_every_page_is_there_as_markdown_and_listed(site: Path) -> None:
    listed = re.findall(r"^- \[.+\]\((.+)\)$", (site / "llms.txt").read_text(), flags=re.MULTILINE)
    packages = ("edgekit", "edgekit_converters", "edgekit_runtime")
    generated = [f"reference/{name}.md" for name in ("commands", *packages)]
    written = [path.relative_to(PAGES).as_posix() for path in PAGES.rglob("*.md")]
    assert sorted(listed) == sorted([*written, *generated, "glossary.md"])
    whole = (site / "llms-full.txt").read_text()
    for name in listed:
        text = (site / name).read_text()
        assert text.startswith("# ")
        assert text in whole


@needs_mkdocs
def test_the_reference_has_every_command_and_every_public_name(site: Path) -> None:
    import edgekit
    import edgekit_runtime
    from edgekit.cli import COMMANDS

    commands = (site / "reference" / "commands.md").read_text()
    for name in COMMANDS:
        assert f"## edgekit {name}\n\n```text\nUsage: edgekit {name} " in commands
    for module in (edgekit, edgekit_runtime):
        page = (site / "reference" / module.__name__ / "index.html").read_text()
        for name in set(module.__all__) - {"__version__"}:
            assert re.search(rf'<h3 id="[\w.]*\.{name}"', page), f"{module.__name__}.{name}"


@pytest.mark.parametrize("page", sorted(PAGES.rglob("*.md")), ids=lambda page: page.relative_to(PAGES).as_posix())
def test_files_of_the_repository_that_a_page_names_exist(page: Path) -> None:
    for name in re.findall(
        r"`((?:tests|benchmarks|samples|docs|edgekit|runtime|converters)/[\w./-]+)`", page.read_text()
    ):
        assert (ROOT / name).exists(), name


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


@needs_mkdocs
def test_the_glossary_is_that_of_contributing(site: Path) -> None:
    rows = [line for line in (site / "glossary.md").read_text().splitlines() if line.startswith("| ")]
    assert len(rows) > 10
    assert "\n".join(rows) in (ROOT / "CONTRIBUTING.md").read_text().replace("|---|---|\n", "")
