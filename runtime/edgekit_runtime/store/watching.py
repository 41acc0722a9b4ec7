"""A model that follows its file: a new version is loaded beside the old one, and takes over between two calls."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from edgekit_runtime.errors import EdgekitError, UsageError

#: Seconds between two looks at the file.
_SECONDS_BETWEEN_LOOKS = 0.5


class WatchedModel:
    """Stands for the :class:`~edgekit_runtime.Model` of a file, and has all its methods and attributes.

    A call that has begun finishes on the version that it began with. A version that cannot be loaded is reported as a
    warning, and the version before stays in use. Any number of threads may call it.
    """

    def __init__(self, path: str | os.PathLike[str], load: Callable[[str], Any]) -> None:
        self._path, self._load = os.fspath(path), load
        self._lock = threading.Lock()
        self._seen = _identity(self._path)
        self._model = load(self._path)
        self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if time.monotonic() >= self._next_look:
            self._look()
        return getattr(self._model, name)

    def __enter__(self) -> WatchedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise UsageError(
            "A Model cannot be pickled or copied: it holds an interpreter.",
            expected="one Model for each process; its threads may share it",
            next_step="call edgekit_runtime.load(..., watch=True) there",
        )

    def close(self) -> None:
        """Free the memory of the interpreters; later calls raise a ``UsageError``."""
        with self._lock:
            self._closed = True
            self._model.close()

    def _look(self) -> None:
        """Start to load a new version if the file is another one; only one thread looks, the others go on."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
            found = _identity(self._path)
            if found in (self._seen, None) or self._closed:
                return
            self._seen = found
            # Until the new version is loaded, the old one answers.
            self._next_look = float("inf")
            threading.Thread(target=self._replace, name="edgekit-watch", daemon=True).start()
        finally:
            self._lock.release()

    def _replace(self) -> None:
        try:
            model = self._load(self._path)
        except EdgekitError as error:
            warnings.warn(f"The new version of {self._path} is not used: {error.problem}", RuntimeWarning, stacklevel=2)
        else:
            with self._lock:
                # The old model ends with its last call, which still refers to it.
                if self._closed:
                    model.close()
                else:
                    self._model = model
        finally:
            self._next_look = time.monotonic() + _SECONDS_BETWEEN_LOOKS


def _identity(path: str) -> tuple[str, int, int, int] | None:
    """What differs between two versions of a file; ``None`` while there is no file."""
    try:
        real = os.path.realpath(path)
        status = os.stat(real)
    except OSError:
        return None
    return real, status.st_ino, status.st_size, status.st_mtime_ns
