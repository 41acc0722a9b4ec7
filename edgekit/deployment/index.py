"""``edgekit index`` as functions: a signed index of models, as static files that devices pull from.

The files are those of The Update Framework, written by python-tuf, so that any of its clients can read them. One key
signs all roles; ``edgekit_runtime.store.index`` reads them on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edgekit.artifacts.signing import read_private_key
from edgekit_converters.atomic_files import write_bytes
from edgekit_runtime.errors import EdgekitError, ModelFileError, UsageError
from edgekit_runtime.packed_file.manifest import read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.packed_file.signature import require_signature
from edgekit_runtime.store.slot import new_slot

_METADATA, _TARGETS = "metadata", "targets"
#: Days that the root is valid. The devices trust the key itself, so only other TUF clients read the root.
_ROOT_DAYS = 3650


@dataclass(frozen=True, slots=True)
class IndexSigning:
    """How an index is signed.

    Attributes:
        key: PEM file of the Ed25519 private key.
        days: Days until devices refuse the index unless it is renewed.
        ask_password: Called if the key is encrypted.
    """

    key: Path
    days: float
    ask_password: Callable[[], str]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A model in an index.

    Attributes:
        name: Name of the model.
        digest: SHA-256 of its newest version.
        size_bytes: File size in bytes.
        release: Release number.
    """

    name: str
    digest: str
    size_bytes: int
    release: int


@dataclass(frozen=True, slots=True)
class Index:
    """A signed index.

    Attributes:
        folder: Folder of its files.
        version: Version of the list of models.
        expires: Time in UTC from which devices refuse the index.
        models: Its models, by name.
    """

    folder: str
    version: int
    expires: str
    models: tuple[IndexEntry, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def add_to_index(model: Path, name: str, folder: Path, signing: IndexSigning) -> Index:
    """Make a signed model the newest version of a name in an index, which is created if it does not exist.

    Args:
        model: A .tflite that is signed with the key and has a release number.
        name: Name of the model on the devices.
        folder: Folder of the index.
        signing: How the index is signed.
    Raises:
        ModelFileError: The model is damaged, is not signed with the key, or is an older release than the newest one.
        UsageError: The name is invalid, or there is no key or index.
    """
    new_slot(name)
    content = read_model_file(model)
    signer = _signer(signing)
    require_signature(content, bytes.fromhex(signer.public_key.keyval["public"]))
    release = read_manifest(content).release
    if release is None:
        raise ModelFileError(
            f"{model} has no release number, so a device could not tell which version is newer.",
            next_step=f"edgekit sign {model} --key {signing.key} --release 1",
        )
    files = _Files.open(folder, create=True)
    targets = files.targets.signed.targets
    before = targets.get(f"{name}.tflite")
    if before is not None and release < before.custom["release"]:
        raise ModelFileError(
            f"{model} is older than the version of {name} in the index.",
            expected=f"release {before.custom['release']} or later",
            received=f"release {release}",
        )
    target = files.tuf.TargetFile.from_data(f"{name}.tflite", bytes(content), ["sha256"])
    target.unrecognized_fields["custom"] = {"release": release}
    place = folder / _TARGETS / f"{target.hashes['sha256']}.{target.path}"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(place, content)
    targets[target.path] = target
    return files.write(signer, signing.days)


def refresh_index(folder: Path, signing: IndexSigning) -> Index:
    """Sign an index anew, so that devices accept it for some more days.

    Raises:
        UsageError: There is no index or key.
    """
    return _Files.open(folder).write(_signer(signing), signing.days)


def read_index(folder: Path) -> Index:
    """Read an index without checking its signatures.

    Raises:
        UsageError: There is no index.
    """
    return _Files.open(folder).index()


class _Files:
    """The metadata files of an index; the timestamp is written last, and makes the others valid."""

    def __init__(self, folder: Path, tuf: Any, *, exists: bool) -> None:
        self.tuf, self._folder, self._exists = tuf, folder, exists
        self._timestamp, self._snapshot, self.targets = (
            tuf.Metadata(role()) for role in (tuf.Timestamp, tuf.Snapshot, tuf.Targets)
        )
        if not exists:
            return
        from tuf.api.exceptions import RepositoryError

        try:
            self._timestamp = self._load("timestamp")
            snapshot = self._timestamp.signed.snapshot_meta.version
            self._snapshot = self._load("snapshot", snapshot)
            self.targets = self._load("targets", self._snapshot.signed.meta["targets.json"].version)
        except (OSError, KeyError, RepositoryError) as error:
            raise UsageError(
                f"The index in {folder} is damaged.", received=str(error), next_step="restore it from a copy"
            ) from error

    @classmethod
    def open(cls, folder: Path, *, create: bool = False) -> _Files:
        """Read the files of an index.

        Raises:
            UsageError: There is no index, or it is damaged.
        """
        tuf = _tuf()
        exists = (folder / _METADATA / "timestamp.json").exists()
        if not exists and not create:
            raise UsageError(
                f"There is no index in {folder}.",
                next_step=f"make one: edgekit index add model.tflite --name NAME --to {folder} --key key.pem",
            )
        return cls(folder, tuf, exists=exists)

    def write(self, signer: Any, days: float) -> Index:
        """Sign all roles with the next version and a new time of expiry."""
        expires = _now() + timedelta(days=days)
        root = self._folder / _METADATA / "1.root.json"
        root.parent.mkdir(parents=True, exist_ok=True)
        if not self._exists:
            write_bytes(root, self._signed_root(signer))
        self._require_own_key(root, signer)
        for metadata in (self._timestamp, self._snapshot, self.targets):
            metadata.signed.version += self._exists
            metadata.signed.expires = expires
        targets = self._write(self.targets, signer, f"{self.targets.signed.version}.targets.json")
        self._snapshot.signed.meta["targets.json"] = self._meta(self.targets, targets)
        snapshot = self._write(self._snapshot, signer, f"{self._snapshot.signed.version}.snapshot.json")
        self._timestamp.signed.snapshot_meta = self._meta(self._snapshot, snapshot)
        self._write(self._timestamp, signer, "timestamp.json")
        return self.index()

    def index(self) -> Index:
        """What the index holds."""
        models = tuple(
            IndexEntry(path.removesuffix(".tflite"), target.hashes["sha256"], target.length, target.custom["release"])
            for path, target in sorted(self.targets.signed.targets.items())
        )
        metadata = (self._timestamp, self._snapshot, self.targets)
        expires = min(each.signed.expires for each in metadata).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Index(str(self._folder), self.targets.signed.version, expires, models)

    def _load(self, role: str, version: int | None = None) -> Any:
        name = f"{role}.json" if version is None else f"{version}.{role}.json"
        return self.tuf.Metadata.from_bytes((self._folder / _METADATA / name).read_bytes())

    def _write(self, metadata: Any, signer: Any, name: str) -> bytes:
        metadata.sign(signer)
        content: bytes = metadata.to_bytes()
        write_bytes(self._folder / _METADATA / name, content)
        return content

    def _meta(self, metadata: Any, content: bytes) -> Any:
        return self.tuf.MetaFile.from_data(metadata.signed.version, content, ["sha256"])

    def _signed_root(self, signer: Any) -> bytes:
        root = self.tuf.Root(expires=_now() + timedelta(days=_ROOT_DAYS), consistent_snapshot=True)
        for role in ("root", "timestamp", "snapshot", "targets"):
            root.add_key(signer.public_key, role)
        metadata = self.tuf.Metadata(root)
        metadata.sign(signer)
        content: bytes = metadata.to_bytes()
        return content

    def _require_own_key(self, root: Path, signer: Any) -> None:
        keys = self.tuf.Metadata.from_bytes(root.read_bytes()).signed.keys
        if signer.public_key.keyid not in keys:
            raise UsageError(
                "The index is signed with another key, which its devices trust.",
                expected=", ".join(key.keyval["public"] for key in keys.values()),
                received=signer.public_key.keyval["public"],
                next_step="use that key, or begin an index in another folder",
            )


def _tuf() -> Any:
    try:
        from tuf.api import metadata
    except ImportError as error:
        raise EdgekitError(
            "An index is written with python-tuf, which is not installed.", next_step="pip install 'edgekit[fleet]'"
        ) from error
    return metadata


def _signer(signing: IndexSigning) -> Any:
    _tuf()
    from securesystemslib.signer import CryptoSigner

    return CryptoSigner(read_private_key(signing.key, signing.ask_password))


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)
