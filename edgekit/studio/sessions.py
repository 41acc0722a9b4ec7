"""Keeps the variants that each user added or made in a browser, which no other user sees."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.studio.models import StudioModel, VariantModel
from edgekit_converters.temporary_folders import temporary_folder
from edgekit_runtime.errors import UsageError

#: Maximum number of sessions with models, maximum number of models per session, and lifetime of an idle session.
MOST_SESSIONS, MOST_OWN_MODELS = 8, 4
_IDLE_SECONDS = 2 * 3600.0


@dataclass(slots=True)
class Session:
    """The models of one user.

    Attributes:
        models: Models by identifier, in the order in which they were added.
        commands: Command that made a model, by its identifier.
        folder: Folder of the files, which is removed with the session.
        last_used: Time of the last use, on a monotonic clock.
    """

    folder: Path
    resources: ExitStack
    last_used: float
    models: dict[str, StudioModel] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)

    def close(self) -> None:
        """Remove the session's files and free its models."""
        for model in self.models.values():
            model.close()
        self.models.clear()
        self.resources.close()


class Sessions:
    """All sessions; use as a context manager, so that no file outlives it.

    Args:
        clock: Returns seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            while self._sessions:
                self._sessions.popitem()[1].close()

    def models(self, key: str) -> dict[str, StudioModel]:
        """The models of a session; empty if the session has not added any."""
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return {}
            session.last_used = self._clock()
            return dict(session.models)

    def command(self, key: str, identifier: str) -> str:
        """The command that made a model of a session; empty if it was not made in the studio."""
        with self._lock:
            session = self._sessions.get(key)
            return "" if session is None else session.commands.get(identifier, "")

    def require_room(self, key: str) -> None:
        """Raise if a session has reached its maximum number of models.

        Raises:
            UsageError: The maximum is reached.
        """
        if len(self.models(key)) >= MOST_OWN_MODELS:
            raise UsageError(
                f"You have {MOST_OWN_MODELS} models of your own here.", next_step="remove one before you add another"
            )

    def new_path(self, key: str, name: str) -> Path:
        """A new path for a file of this session; the first one creates the session."""
        with self._lock:
            folder = self._session(key).folder / secrets.token_hex(8)
            folder.mkdir()
            return folder / name

    def add(self, key: str, path: Path, name: str, command: str = "") -> str:
        """Open a .tflite as a model of a session, and return its identifier.

        Raises:
            EdgekitError: The file is damaged, or the session has reached its maximum number of models.
        """
        with self._lock:
            self.require_room(key)
            session = self._session(key)
            taken = {model.name for model in session.models.values()}
            model = VariantModel(path, _free_name(name, taken))
            identifier = secrets.token_hex(8)
            session.models[identifier] = model
            session.commands[identifier] = command
            return identifier

    def remove(self, key: str, identifier: str) -> bool:
        """Remove a model of a session and its file; return False if there is no such model."""
        with self._lock:
            session = self._sessions.get(key)
            model = None if session is None else session.models.pop(identifier, None)
            if session is None or model is None:
                return False
            session.commands.pop(identifier, None)
            model.close()
            model.path.unlink(missing_ok=True)
            return True

    def _session(self, key: str) -> Session:
        self._drop_idle()
        if key not in self._sessions:
            while len(self._sessions) >= MOST_SESSIONS:
                oldest = min(self._sessions, key=lambda each: self._sessions[each].last_used)
                self._sessions.pop(oldest).close()
            resources = ExitStack()
            folder = resources.enter_context(temporary_folder("studio"))
            self._sessions[key] = Session(folder, resources, self._clock())
        self._sessions[key].last_used = self._clock()
        return self._sessions[key]

    def _drop_idle(self) -> None:
        limit = self._clock() - _IDLE_SECONDS
        for key in [key for key, session in self._sessions.items() if session.last_used < limit]:
            self._sessions.pop(key).close()


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
