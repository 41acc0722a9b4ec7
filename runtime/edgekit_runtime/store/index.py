"""Reads a signed index of models from a web server, which need not be trusted.

The index has the files of The Update Framework (TUF), which ``edgekit index`` writes on the workstation:

    metadata/timestamp.json     names the newest snapshot; signed anew often, so that an old index is noticed
    metadata/N.snapshot.json    names the newest list of targets
    metadata/N.targets.json     the models: digest, size, release number
    targets/DIGEST.NAME.tflite

Each is signed with the key that the device trusts; a version number never decreases; nothing is read beyond the size
that a signed file declared before. Source: TUF specification 1.0, section 5, with one key for all roles.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from typing import Any, NamedTuple

from edgekit_runtime.errors import DataError
from edgekit_runtime.packed_file.signature import is_signed_by
from edgekit_runtime.store.download import download
from edgekit_runtime.store.slot import store_folder
from edgekit_runtime.store.transfer import LARGEST_BYTES

#: Size in bytes of the only file whose size nothing declares, and of the others at most.
_LARGEST_TIMESTAMP, _LARGEST_METADATA = 20_000, 5_000_000
_MOST_SIGNATURES = 16
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
#: Folder in the store for the versions that were seen of each index. A model cannot have this name.
_SEEN = ".indexes"


class IndexedModel(NamedTuple):
    """A model in an index.

    Attributes:
        digest: SHA-256 of the file in hex.
        size: File size in bytes.
        path: Path of the file below the address of the index.
    """

    digest: str
    size: int
    path: str


class _Declared(NamedTuple):
    """What a signed file says of another one."""

    version: int | None
    length: int
    digest: str


def find_model(address: str, key: bytes, name: str) -> IndexedModel:
    """Find the newest version of a model.

    Args:
        address: Address of the index, which starts with ``https://`` or ``http://``.
        key: 32 bytes of the Ed25519 public key that signs the index.
        name: Name of the model.
    Raises:
        DataError: The index cannot be read, is not signed with the key, has expired, is older than one that this device
            has seen, mixes files of different states, or does not contain the model.
    """
    seen = _SeenVersions(address, key)
    timestamp = _read(address, "timestamp", _Declared(None, _LARGEST_TIMESTAMP, ""), key, seen)
    snapshot = _read(address, "snapshot", _declared(timestamp, "meta", "snapshot.json"), key, seen)
    targets = _read(address, "targets", _declared(snapshot, "meta", "targets.json"), key, seen)
    target = f"{name}.tflite"
    models = targets.get("targets")
    if not isinstance(models, dict) or target not in models:
        known = sorted(models) if isinstance(models, dict) else []
        raise DataError(
            f"The index has no model called {name}.",
            expected=", ".join(each.rpartition(".")[0] for each in known)[:1000] or "a model in the index",
            next_step="add it on the workstation: edgekit index add",
        )
    found = _declared(targets, "targets", target, LARGEST_BYTES)
    return IndexedModel(found.digest, found.length, f"targets/{found.digest}.{target}")


def _read(address: str, role: str, declared: _Declared, key: bytes, seen: _SeenVersions) -> dict[str, Any]:
    """Download one metadata file, and check everything that makes it the newest one."""
    file = f"{role}.json" if declared.version is None else f"{declared.version}.{role}.json"
    with download(f"{address}/metadata/{file}", declared.length) as source:
        content = source.read_all()
    if declared.digest and hashlib.sha256(content).hexdigest() != declared.digest:
        raise DataError(f"{file} of the index is not the file that the index declares.", expected=declared.digest)
    signed = _signed_part(content, key, file)
    # One key signs all roles, so a file could otherwise stand for another one.
    if signed.get("_type") != role:
        raise _invalid(file, f"the type {signed.get('_type')!r:.60}")
    version, expires = signed.get("version"), signed.get("expires")
    if type(version) is not int or declared.version not in (None, version):
        raise _invalid(file, f"the version {version!r:.60}")
    if not isinstance(expires, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", expires, re.ASCII) is None:
        raise _invalid(file, f"the time {expires!r:.60}")
    now = time.strftime(_MOMENT, time.gmtime())
    if expires <= now:
        raise DataError(
            f"{file} of the index has expired, so newer versions may be withheld.",
            expected=f"an index that is valid at {now}",
            received=f"expired at {expires}",
            next_step="renew it on the workstation: edgekit index refresh; or check this device's clock",
        )
    seen.require_not_older(role, version)
    return signed


def _signed_part(content: bytes, key: bytes, file: str) -> dict[str, Any]:
    """The part of a metadata file that is signed, if it is signed with the key."""
    try:
        envelope = json.loads(content)
        signed, signatures = envelope["signed"], envelope["signatures"]
        # TUF signs canonical JSON. Names that would need other escapes have no valid signature here.
        message = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        found = [bytes.fromhex(each["sig"]) for each in signatures[:_MOST_SIGNATURES]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _invalid(file, f"{type(error).__name__}") from error
    if not isinstance(signed, dict) or not any(is_signed_by(key, message, each) for each in found if len(each) == 64):
        raise DataError(
            f"{file} of the index is not signed with the key that this device trusts.",
            expected=key.hex(),
            next_step="check the address and the key; sign with: edgekit index refresh FOLDER --key KEY",
        )
    return signed


def _declared(signed: dict[str, Any], part: str, name: str, largest: int = _LARGEST_METADATA) -> _Declared:
    """What a signed file says of another file."""
    try:
        facts = signed[part][name]
        version, length, digest = facts.get("version"), facts["length"], facts["hashes"]["sha256"]
    except (KeyError, TypeError, AttributeError) as error:
        raise _invalid(f"the entry of {name}", type(error).__name__) from error
    is_version = part == "targets" or (type(version) is int and version > 0)
    if not is_version or type(length) is not int or not 0 < length <= largest:
        raise _invalid(f"the entry of {name}", f"version {version!r:.40}, length {length!r:.40}")
    if not isinstance(digest, str) or re.fullmatch("[0-9a-f]{64}", digest) is None:
        raise _invalid(f"the entry of {name}", f"the digest {digest!r:.80}")
    return _Declared(version, length, digest)


def _invalid(file: str, received: str) -> DataError:
    return DataError(
        f"The index is not valid: {file}.", expected="what edgekit index of this version writes", received=received
    )


class _SeenVersions:
    """The newest version of each role that this device has seen of an index, kept in the store."""

    def __init__(self, address: str, key: bytes) -> None:
        self._folder = os.path.join(store_folder(), _SEEN)
        self._path = os.path.join(self._folder, f"{hashlib.sha256(key + address.encode()).hexdigest()}.json")
        try:
            with open(self._path, encoding="utf-8") as file:
                stored = json.load(file)
        except (OSError, ValueError, RecursionError):
            stored = None
        kept = stored if isinstance(stored, dict) else {}
        self._versions = {role: version for role, version in kept.items() if type(version) is int}

    def require_not_older(self, role: str, version: int) -> None:
        """Remember a version of a role, or refuse one that is older than it was before."""
        newest = self._versions.get(role, 0)
        if version < newest:
            raise DataError(
                f"The index is older than one that this device has seen: {role}.",
                expected=f"version {newest} or later",
                received=f"version {version}",
                next_step="upload the newest index, or remove the file "
                f"{self._path} if it was begun anew on the workstation",
            )
        if version == newest:
            return
        self._versions[role] = version
        beside = f"{self._path}.{os.getpid()}"
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with open(beside, "w", encoding="utf-8") as file:
                json.dump(self._versions, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._path)
        except OSError as error:
            raise DataError(f"The store {store_folder()} cannot be written.", received=str(error)) from error
