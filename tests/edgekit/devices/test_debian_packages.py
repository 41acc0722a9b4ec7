"""Where Debian's packages come from, as this machine's apt has it, in both formats that apt reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.devices.emulation.commands import DeviceUnavailableError
from edgekit.devices.emulation.debian_packages import find_archive

NEW_FORMAT = """\
# the archive
Types: deb deb-src
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
OTHERS = """\
Types: deb
URIs: http://others.example/tools
Suites: bookworm
Components: main

Types: deb
URIs: http://others.example/linux/debian
Suites: bookworm
Components: stable
"""


def apt_folder(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "uri"),
    [
        pytest.param({"sources.list.d/debian.sources": NEW_FORMAT}, "http://mirror.example/debian", id="deb822"),
        pytest.param(
            {"sources.list": "# comment\ndeb http://mirror.example/debian/ trixie main non-free # all\n"},
            "http://mirror.example/debian/",
            id="one line",
        ),
        pytest.param(
            {"sources.list": "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian stable main\n"},
            "http://mirror.example/debian",
            id="one line with options",
        ),
        pytest.param(
            {"sources.list.d/a.sources": OTHERS, "sources.list.d/debian.sources": NEW_FORMAT},
            "http://mirror.example/debian",
            id="beside archives of others",
        ),
        pytest.param(
            {"sources.list": "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n"},
            "mirror+file:/etc/apt/mirrors/debian.list",
            id="a list of mirrors",
        ),
    ],
)
def test_the_machines_mirror_is_found(files: dict[str, str], uri: str, tmp_path: Path) -> None:
    assert find_archive(machines_apt=apt_folder(tmp_path, files)).uri == uri


def test_a_mirror_that_is_named_wins(tmp_path: Path) -> None:
    folder = apt_folder(tmp_path, {"sources.list.d/debian.sources": NEW_FORMAT})
    assert find_archive("http://named.example/debian", folder).uri == "http://named.example/debian"


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no sources"),
        pytest.param({"sources.list": "deb http://archive.example/ubuntu noble main universe\n"}, id="Ubuntu"),
        pytest.param({"sources.list": "# deb http://mirror.example/debian bookworm main\n"}, id="commented out"),
        pytest.param({"sources.list.d/d.sources": NEW_FORMAT.replace("Types:", "Enabled: no\nTypes:")}, id="disabled"),
        pytest.param({"sources.list": "deb-src http://mirror.example/debian bookworm main\n"}, id="sources only"),
    ],
)
def test_no_source_of_debians_packages_is_a_sentence(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DeviceUnavailableError, match="no source of Debian's packages") as error:
        find_archive(machines_apt=apt_folder(tmp_path, files))
    assert "--mirror" in error.value.next_step
