"""One installed model: its versions, the link to the current one, and the log of what happened to it.

    STORE/digits/versions/<SHA-256>.tflite    the versions, each a whole file
    STORE/digits/current                      a symbolic link to one of them
    STORE/digits/log.jsonl                    one JSON object per event

A version is written beside its place, synced to disk and renamed; the link is replaced by renaming another link.
A power loss at any moment therefore leaves the old version or the new one as the current one, and both are whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from edgekit_runtime.errors import DataError, ModelFileError, UsageError

SYSTEM_STORE = "/var/lib/edgekit"
_VERSIONS, _CURRENT, _LOG, _LOCK = "versions", "current", "log.jsonl", "lock"
_INCOMING = ".incoming-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VERSION_LINK = re.compile(_VERSIONS + r"/([0-9a-f]{64})\.tflite")
_VERSION_FILE = re.compile(r"([0-9a-f]{64})\.tflite")
#: The log is read from its end; nobody needs more events than fit in here.
_MOST_LOG_BYTES = 1_000_000
#: Free bytes that a device keeps for its log and the links.
_SPARE_BYTES = 1_000_000


class Event(NamedTuple):
    """One line of the log.

    Attributes:
        time: Time in UTC, as in ``2026-11-29T19:40:00Z``.
        what: ``installed``, ``rolled back``, ``switched back``, ``refused`` or ``verified``.
        digest: SHA-256 of the version that was current after the event; empty if none was.
        details: Further facts, such as the release number.
    """

    time: str
    what: str
    digest: str
    details: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the log."""
        return {**self.details, "time": self.time, "what": self.what, "digest": self.digest}


def store_folder() -> str:
    """The folder that models are installed into: ``EDGEKIT_STORE``, or that of the system for root, or the user's."""
    named = os.environ.get("EDGEKIT_STORE")
    if named:
        return named
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return SYSTEM_STORE
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "edgekit")


def find_slot(name: str) -> Slot | None:
    """The slot of an installed model in this user's store, or else in the system's; ``None`` if it is in neither."""
    if not is_name(name):
        return None
    folders = [store_folder()]
    if not os.environ.get("EDGEKIT_STORE"):
        folders.append(SYSTEM_STORE)
    slots = [Slot(os.path.join(folder, name)) for folder in folders]
    return next((slot for slot in slots if os.path.lexists(slot.link)), None)


def installed_path(name: str) -> str | None:
    """The path to load for the name of an installed model; ``None`` if a file has this name or it is not installed."""
    slot = None if os.path.exists(name) else find_slot(name)
    return None if slot is None else slot.link


def require_slot(name: str) -> Slot:
    """Like :func:`find_slot`.

    Raises:
        UsageError: No model of this name is installed.
    """
    slot = find_slot(name)
    if slot is None:
        raise UsageError(
            f"No model called {name!r:.80} is installed.",
            expected=", ".join(installed_names()) or f"a model installed in {store_folder()}",
            next_step="install one: python -m edgekit_runtime install model.tflite --name NAME",
        )
    return slot


def installed_names() -> list[str]:
    """Names of the models in this user's store."""
    try:
        names = sorted(os.listdir(store_folder()))
    except OSError:
        return []
    return [name for name in names if is_name(name) and find_slot(name) is not None]


def is_name(name: str) -> bool:
    """Whether a text can be the name of an installed model."""
    return _NAME.fullmatch(name) is not None


def new_slot(name: str) -> Slot:
    """The slot for a name in this user's store, which need not exist yet.

    Raises:
        UsageError: The text cannot be a name.
    """
    if not is_name(name):
        raise UsageError(
            "A model is installed under a plain name.",
            expected="1 to 64 letters, digits, - and _, the first a letter or digit",
            received=f"{name!r:.80}",
        )
    return Slot(os.path.join(store_folder(), name))


class Slot:
    """A folder of the store.

    Attributes:
        name: Name of the installed model.
        folder: Folder of the slot.
        link: The symbolic link to the current version; this is the path to load.
    """

    def __init__(self, folder: str) -> None:
        self.name = os.path.basename(folder)
        self.folder = folder
        self.link = os.path.join(folder, _CURRENT)

    @property
    def current(self) -> str:
        """Digest of the current version; empty if there is none.

        Raises:
            ModelFileError: The link points somewhere else.
        """
        try:
            place = os.readlink(self.link)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise ModelFileError(f"{self.link} is not a link to a version.", received=str(error)) from error
        match = _VERSION_LINK.fullmatch(place)
        if match is None:
            raise ModelFileError(
                f"{self.link} does not point to a version in its own folder.",
                expected=f"{_VERSIONS}/<SHA-256>.tflite",
                received=place,
                next_step="install the model again",
            )
        return match.group(1)

    def path_of(self, digest: str) -> str:
        """Path of the file of a version."""
        return os.path.join(self.folder, _VERSIONS, f"{digest}.tflite")

    def digests(self) -> list[str]:
        """Digests of all whole versions, the one that was added last at the end."""
        try:
            files = os.listdir(os.path.join(self.folder, _VERSIONS))
        except OSError:
            return []
        found = [match.group(1) for match in map(_VERSION_FILE.fullmatch, files) if match]
        return sorted(found, key=lambda digest: (os.stat(self.path_of(digest)).st_mtime_ns, digest))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until no other process changes the slot, and remove what an interrupted installation left.

        Raises:
            DataError: The folder cannot be written.
        """
        import fcntl

        try:
            os.makedirs(os.path.join(self.folder, _VERSIONS), exist_ok=True)
            lock = os.open(os.path.join(self.folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DataError(
                f"{self.folder} cannot be written.",
                received=str(error),
                next_step="run as the user who owns the store, or set EDGEKIT_STORE to a folder of your own",
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for folder in (self.folder, os.path.join(self.folder, _VERSIONS)):
                for name in os.listdir(folder):
                    if name.startswith(_INCOMING):
                        os.unlink(os.path.join(folder, name))
            yield
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def incoming(self, content: bytes, digest: str) -> Iterator[str]:
        """Write a file that is not a version yet; it is removed afterwards unless :meth:`keep` made it one.

        Raises:
            DataError: The disk is full or cannot be written.
        """
        path = os.path.join(self.folder, _VERSIONS, f"{_INCOMING}{digest}")
        free = _free_bytes(self.folder)
        if free < len(content) + _SPARE_BYTES:
            raise DataError(
                f"The disk of {self.folder} is too full for this model.",
                expected=f"{len(content) + _SPARE_BYTES:,} free bytes",
                received=f"{free:,} free bytes",
                next_step="remove other versions: python -m edgekit_runtime remove NAME --version DIGEST",
            )
        try:
            with open(path, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield path
        except OSError as error:
            raise DataError(f"{path} could not be written.", received=str(error)) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def keep(self, path: str, digest: str) -> None:
        """Make a file written by :meth:`incoming` a version."""
        os.replace(path, self.path_of(digest))
        _sync_folder(os.path.join(self.folder, _VERSIONS))

    def switch_to(self, digest: str) -> None:
        """Make a version the current one, or, for an empty digest, none."""
        if not digest:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.link)
        else:
            beside = os.path.join(self.folder, f"{_INCOMING}{digest}")
            os.symlink(f"{_VERSIONS}/{digest}.tflite", beside)
            os.replace(beside, self.link)
        _sync_folder(self.folder)

    def record(self, what: str, digest: str, **details: Any) -> None:
        """Append an event to the log."""
        event = Event(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), what, digest, details)
        with open(os.path.join(self.folder, _LOG), "ab") as file:
            # One write, so that a power loss can cut only the last line. It starts with a line break in case that the
            # line before it was cut.
            file.write(b"\n" + json.dumps(event.to_dict()).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def events(self) -> list[Event]:
        """The events of the log, oldest first; lines that a power loss cut are left out."""
        try:
            with open(os.path.join(self.folder, _LOG), "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _MOST_LOG_BYTES))
                lines = file.read(_MOST_LOG_BYTES).splitlines()
        except OSError:
            return []
        return [event for event in map(_event, lines) if event is not None]

    def remove(self, digest: str = "") -> None:
        """Delete a version, or, without a digest, the whole slot.

        Raises:
            UsageError: The version is the current one, or does not exist.
        """
        if not digest:
            import shutil

            # Without the link the slot is not installed any more, whatever happens to the rest.
            self.switch_to("")
            shutil.rmtree(self.folder)
            return
        chosen = self.find_version(digest)
        if chosen == self.current:
            raise UsageError(
                f"Version {chosen[:12]} of {self.name} is the current one.",
                next_step="roll back or install another version first, or remove the whole model",
            )
        self.delete(chosen)

    def delete(self, digest: str) -> None:
        """Delete the file of a version, and its remembered digest."""
        from edgekit_runtime.packed_file.known_digest import digest_path

        path = self.path_of(digest)
        os.unlink(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(digest_path(path))

    def find_version(self, start: str) -> str:
        """The only version whose digest starts with some digits.

        Raises:
            UsageError: No version or more than one does.
        """
        found = [digest for digest in self.digests() if digest.startswith(start)]
        if len(found) != 1:
            raise UsageError(
                f"{'No version' if not found else 'More than one version'} of {self.name} starts with {start!r:.80}.",
                expected=", ".join(digest[:12] for digest in self.digests()),
            )
        return found[0]


def _event(line: bytes) -> Event | None:
    try:
        fields = json.loads(line)
        moment, what, digest = (fields.pop(name) for name in ("time", "what", "digest"))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    is_whole = all(isinstance(text, str) for text in (moment, what, digest))
    return Event(moment, what, digest, fields) if is_whole else None


def _free_bytes(folder: str) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _sync_folder(folder: str) -> None:
    """Make renamed entries of a folder survive a power loss."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
