"""Build the documentation site: python docs/build_site.py [--output build/docs].

The output folder then holds ``pages/``, with the generated pages, and ``site/``. The site repeats each page as Markdown
beside its HTML, and ``llms.txt`` lists these, for readers that are programs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from generated_pages import GENERATED_PAGES

DOCS = Path(__file__).resolve().parent


def build_site(output: Path) -> Path:
    """Build strictly: a broken link or an unknown reference is an error.

    Args:
        output: Folder to write to; what it held of an earlier build is replaced.
    Returns:
        The folder of the site.
    Raises:
        subprocess.CalledProcessError: MkDocs reported an error or a warning.
    """
    pages, site = output / "pages", output / "site"
    for folder in (pages, site):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS / "pages", pages)
    for name, generate in GENERATED_PAGES.items():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_text(generate(), encoding="utf-8")
    shutil.copy(DOCS / "mkdocs.yml", output)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file", "mkdocs.yml"]
    subprocess.run(command, cwd=output, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    _write_plain_text(yaml.safe_load((DOCS / "mkdocs.yml").read_text(encoding="utf-8")), pages, site)
    return site


def _write_plain_text(configuration: dict[str, Any], pages: Path, site: Path) -> None:
    """Copy each page into the site as Markdown, and list them in ``llms.txt`` and, whole, in ``llms-full.txt``."""
    lines = [f"# {configuration['site_name']}", "", f"> {configuration['site_description']}"]
    texts = []
    for heading, entries in _sections(configuration["nav"]):
        lines += ["", f"## {heading}"]
        for title, name in entries:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pages / name, site / name)
            lines.append(f"- [{title}]({name})")
            texts.append((pages / name).read_text(encoding="utf-8"))
    (site / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (site / "llms-full.txt").write_text("\n\n".join(texts), encoding="utf-8")


def _sections(navigation: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings of the navigation with their pages; pages without a section come first, under "Start"."""
    alone, sections = [], []
    for entry in navigation:
        ((title, value),) = entry.items()
        if isinstance(value, str):
            alone.append((title, value))
        else:
            sections.append((title, [next(iter(page.items())) for page in value]))
    return [("Start", alone), *sections]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("--output", type=Path, default=DOCS.parent / "build" / "docs", help="folder to write to")
    print(build_site(parser.parse_args().output))
