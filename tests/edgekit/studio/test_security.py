"""Who is answered: hosts, origins, tokens; and what every answer carries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edgekit.studio
from edgekit.studio.security import CONTENT_SECURITY_POLICY, Access

from .conftest import RunningStudio, User, running_studio

LOCAL = Access(8765)
PUBLIC = Access(8765, "secret-token", frozenset({"workbench", "workbench.local"}))


@pytest.mark.parametrize(
    ("host", "local", "public"),
    [
        ("127.0.0.1:8765", True, True),
        ("localhost:8765", True, True),
        ("[::1]:8765", True, True),
        ("127.0.0.1:80", False, True),
        ("127.0.0.1", False, True),
        ("attacker.example:8765", False, False),
        ("127.0.0.1.attacker.example:8765", False, False),
        ("localhost.attacker.example:8765", False, False),
        ("user@127.0.0.1:8765", False, False),
        ("127.0.0.1:8765/path", False, False),
        ("127.0.0.1:port", False, False),
        ("", False, False),
        ("workbench:8765", False, True),
        ("workbench.local:8765", False, True),
        ("192.168.1.20:8765", False, True),
    ],
)
def test_hosts(host: str, local: bool, public: bool) -> None:
    assert (LOCAL.accepts_host(host), PUBLIC.accepts_host(host)) == (local, public)


@pytest.mark.parametrize(
    ("token", "accepted"), [("secret-token", True), ("secret-toke", False), ("", False), ("sécret", False)]
)
def test_tokens(token: str, accepted: bool) -> None:
    assert PUBLIC.accepts_token(token) is accepted


@pytest.mark.parametrize("path", ["/", "/static/studio.js", "/api/models", "/no-such-page", "/static/..%2fapp.py"])
def test_every_answer_carries_the_headers(studio: RunningStudio, path: str) -> None:
    headers = User(studio.address).ask(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_only_files_of_the_page_are_served(user: User) -> None:
    assert user.ask("/static/studio.css").headers["content-type"].startswith("text/css")
    for name in ("app.py", "..%2fapp.py", "%2e%2e/app.py", "../app.py", ""):
        assert user.ask(f"/static/{name}").status == 404


def test_another_host_name_is_refused(studio: RunningStudio) -> None:
    connection = studio.raw()
    connection.request("GET", "/api/models", headers={"Host": f"attacker.example:{studio.port}"})
    assert connection.getresponse().status == 421


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://attacker.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_another_sites_page_changes_nothing(user: User, headers: dict[str, str]) -> None:
    assert user.ask("/api/comparison", b"{}", headers=headers).status == 403


def test_its_own_page_may_post(studio: RunningStudio, user: User) -> None:
    headers = {"Origin": f"http://127.0.0.1:{studio.port}", "Sec-Fetch-Site": "same-origin"}
    assert user.ask("/api/answers", b"no image", headers=headers).status == 400


def test_a_public_studio_needs_its_token(models) -> None:
    with running_studio(models[1:2], "--public") as studio:
        address, _, token = studio.address.partition("?token=")
        assert len(token) >= 32
        base = f"http://127.0.0.1:{studio.port}"
        stranger = User(base)
        assert stranger.ask("/").status == 401
        assert stranger.ask("/api/models").status == 401
        assert stranger.ask(f"/?token={token[:-1]}x").status == 401
        # The token goes into a cookie: the page is reached without it in the address.
        guest = User(base, f"/?token={token}")
        assert guest.ask("/").status == 200
        state = guest.ask("/api/models").json
        assert [model["name"] for model in state["models"]] == [models[1].name]
        assert state["accepts_models"] is False
        assert guest.ask("/api/models", models[1].read_bytes()).status == 400
        # Folders of the machine are nobody's business.
        assert str(models[1].parent) not in guest.ask("/api/models/m0").body.decode()
        assert address.startswith("http://")


STATIC = Path(edgekit.studio.__file__).parent / "static"


@pytest.mark.parametrize("file", sorted(STATIC.glob("*.js")), ids=lambda file: file.name)
def test_scripts_write_text_and_never_markup(file: Path) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc"
    assert re.findall(ways, file.read_text()) == []


def test_the_page_has_no_inline_script_and_no_inline_style() -> None:
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:|//)""", page) == []
