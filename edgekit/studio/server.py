"""Runs the studio: opens the models, listens, prints the address, and ends with Ctrl-C."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from edgekit.progress import progress_bar
from edgekit.studio.app import Studio, build_app
from edgekit.studio.comparison import StudioData
from edgekit.studio.models import close_all, open_models
from edgekit.studio.security import Access, machine_names
from edgekit_runtime.errors import UsageError

DEFAULT_PORT = 8765
_MOST_MODELS = 16
#: Maximum number of open requests; others are refused until one has ended.
_MOST_CONNECTIONS = 512


def serve(
    paths: Sequence[Path], data: StudioData, *, port: int | None, public: bool, announce: Callable[[str], None]
) -> None:
    """Serve the studio until Ctrl-C.

    Args:
        paths: Paths of the models; the first is the reference.
        data: Data for the comparison.
        port: Port; None uses the default port or, if it is in use, any free one.
        public: Whether other machines may reach the studio, with a token.
        announce: Called with the address once the server is ready.
    Raises:
        EdgekitError: A model cannot be opened, or the port is in use.
    """
    if len(paths) > _MOST_MODELS:
        raise UsageError(f"The studio takes {_MOST_MODELS} models at most.", received=f"{len(paths)} models")
    with _listen(port, public) as listener:
        number = listener.getsockname()[1]
        token = secrets.token_urlsafe(24) if public else ""
        access = Access(number, token, machine_names() if public else frozenset())
        with progress_bar("Opening the models", total=None):
            models = open_models(paths)
        try:
            named = {f"m{place}": model for place, model in enumerate(models)}
            studio = Studio(named, data, access)
            with studio.sessions, studio.jobs:
                host = _own_address() if public else "127.0.0.1"
                _run(
                    studio,
                    listener,
                    lambda: announce(f"http://{host}:{number}/" + (f"?token={token}" if token else "")),
                )
        finally:
            close_all(models)


def has_display() -> bool:
    """Whether a browser can open a window; without a display, a text browser would take over the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _listen(port: int | None, public: bool) -> socket.socket:
    host = "0.0.0.0" if public else "127.0.0.1"
    wanted = [port] if port is not None else [DEFAULT_PORT, 0]
    for number in wanted:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(_MOST_CONNECTIONS)
        except OSError:
            listener.close()
        else:
            return listener
    raise UsageError(f"The port {port} is taken.", next_step="pass another --port, or leave it out")


def _own_address() -> str:
    """The address of this machine in the network, which a phone can use; its host name if there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Selects the route to an address reserved for documentation; nothing is sent.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def _run(studio: Studio, listener: socket.socket, started: Callable[[], None]) -> None:
    config = uvicorn.Config(
        build_app(studio),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http="h11",
        loop="asyncio",
        lifespan="off",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=3,
    )
    _AnnouncingServer(config, started).run(sockets=[listener])


class _AnnouncingServer(uvicorn.Server):
    """A server that announces when it has started, and for which Ctrl-C is the normal end, not an interruption."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, without raising it again afterwards as uvicorn does."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
