"""Controls access to the studio and the rights of its page: host, origin and token of requests, response headers."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Rights of the page: only the studio's files, no inline script or style, no frame, no other site.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: Methods of requests that change nothing.
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Access:
    """Rules for access to the studio.

    Attributes:
        port: Port that the studio listens on.
        token: Token that the address must contain; empty for a studio that only this machine can reach.
        names: Host names of this machine, for a public studio.
    """

    port: int
    token: str = ""
    names: frozenset[str] = field(default_factory=frozenset)

    @property
    def cookie(self) -> str:
        """Name of the cookie with the token; it contains the port, because all ports of a host share cookies."""
        return f"edgekit-access-{self.port}"

    def accepts_host(self, host: str) -> bool:
        """Whether a Host header names this machine; other names could be pointed at it (DNS rebinding)."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.path or not name:
            return False
        if not self.token:
            return name in _LOOPBACK_NAMES and port == self.port
        # IP addresses cannot be rebound. The port is ignored, because it may have been mapped on the way.
        return name in _LOOPBACK_NAMES or name in self.names or _is_address(name)

    def accepts_token(self, token: str) -> bool:
        """Whether the token is correct, compared in constant time."""
        return hmac.compare_digest(token.encode(errors="replace"), self.token.encode())


def machine_names() -> frozenset[str]:
    """Names by which other machines may know this one."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local", socket.getfqdn().lower()})


class Guard:
    """Refuses requests that do not come from the studio's page, and adds the headers to every response.

    Args:
        app: Application that handles accepted requests.
        access: Rules for access.
    """

    def __init__(self, app: AsgiApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # The page uses no web socket; lifespan events are handled by the server.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                known = {name for name, _ in message.get("headers", [])}
                message["headers"] = [*message.get("headers", []), *(pair for pair in own if pair[0] not in known)]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send_with_headers, *refusal)
        elif self._access.token and self._carries_token(scope):
            # The token is moved from the address to a cookie, so that it does not stay in the address bar.
            cookie = f"{self._access.cookie}={self._access.token}; HttpOnly; SameSite=Lax; Path=/"
            await _answer(send_with_headers, 303, "", [("location", "/"), ("set-cookie", cookie)])
        else:
            await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._access.accepts_host(host.lower()):
            return 421, "This studio does not answer under that host name. Use the address that it printed."
        if scope["method"] not in _READING:
            # Another site's page may send requests here from the user's browser, but not with this origin.
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
                return 403, "This request comes from another site."
            if headers.get("sec-fetch-site", "same-origin") != "same-origin":
                return 403, "This request comes from another site."
        if self._access.token and not (self._carries_token(scope) or self._has_cookie(headers)):
            return 401, "Open the whole address that the studio printed: it ends in ?token=…"
        return None

    def _carries_token(self, scope: Scope) -> bool:
        try:
            tokens = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=10).get("token", [])
        except ValueError:
            return False
        return any(self._access.accepts_token(token) for token in tokens)

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        return self._access.accepts_token(read_cookie(headers.get("cookie", ""), self._access.cookie))


def read_cookie(header: str, name: str) -> str:
    """The value of a cookie in a Cookie header; empty if it is missing."""
    try:
        cookies = SimpleCookie(header[:8000])
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _answer(send: Send, status: int, text: str, headers: list[tuple[str, str]] | None = None) -> None:
    body = text.encode()
    fields = [("content-type", "text/plain; charset=utf-8"), ("content-length", str(len(body))), *(headers or [])]
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [(name.encode(), value.encode()) for name, value in fields]})
    await send({"type": "http.response.body", "body": body})
