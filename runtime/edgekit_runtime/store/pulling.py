"""Installs the newest version of a model from a signed index; ``edgekit index`` writes the index."""

from __future__ import annotations

import os
from contextlib import ExitStack

from edgekit_runtime.errors import BelowThresholdError, EdgekitError, InterpreterError, ModelFileError, UsageError
from edgekit_runtime.packed_file.signature import read_public_key
from edgekit_runtime.store.download import Download, download
from edgekit_runtime.store.index import find_model
from edgekit_runtime.store.installation import TRUSTED_KEY_NAME, Installation, InstallOptions, install
from edgekit_runtime.store.slot import Event, Slot, new_slot, store_folder
from edgekit_runtime.store.transfer import discard, transferred


def pull(address: str, name: str, options: InstallOptions, *, retry: bool = False) -> Installation:
    """Install the newest version of a model, unless it is the current one.

    Args:
        address: Address of the index.
        name: Name of the model in the index and on this device.
        options: What the version must show; without a public key, the store's trusted key signs the index.
        retry: Whether a version is installed again that this device has refused or returned from.
    Raises:
        UsageError: The address or name is invalid, or there is no key.
        DataError: The index or the file is not accepted; see :func:`~edgekit_runtime.store.index.find_model`.
        EdgekitError: See :func:`~edgekit_runtime.store.installation.install`; or the device has refused the version or
            returned from it.
    """
    slot = new_slot(name)
    address = address.rstrip("/")
    model = find_model(address, _trusted_key(options), name)
    if model.digest in slot.digests():
        discard(model.digest)
    if model.digest == slot.current:
        return Installation(name, model.digest, model.digest, changed=False)
    refusal = None if retry else _refusal(slot, model.digest)
    if refusal is not None:
        raise EdgekitError(
            f"The index names version {model.digest[:12]} of {name}, which this device has refused or returned from.",
            received=str(refusal.details.get("why", refusal.what)),
            next_step="publish a newer version, or install it again with: pull --retry",
        )
    if model.digest in slot.digests():
        return _install(slot, model.digest, slot.path_of(model.digest), options)
    with ExitStack() as closing:

        def rest_after(have: int) -> Download:
            return closing.enter_context(download(f"{address}/{model.path}", model.size, have))

        with transferred(model.digest, model.size, rest_after) as path:
            return _install(slot, model.digest, path, options)


def _install(slot: Slot, digest: str, path: str, options: InstallOptions) -> Installation:
    """Install a version, and log its refusal, so that it is not downloaded again."""
    try:
        return install(path, slot.name, options)
    except (ModelFileError, InterpreterError, BelowThresholdError) as error:
        with slot.locked():
            slot.record("refused", slot.current, failed=digest, why=str(error))
        raise


def _trusted_key(options: InstallOptions) -> bytes:
    trusted = os.path.join(store_folder(), TRUSTED_KEY_NAME)
    if options.public_key is None and not os.path.lexists(trusted):
        raise UsageError(
            "There is no key to check the index with.",
            expected=f"--public-key FILE, or the file {trusted}",
            next_step="copy the .pub.pem file of edgekit keygen to this device",
        )
    return read_public_key(trusted if options.public_key is None else options.public_key)


def _refusal(slot: Slot, digest: str) -> Event | None:
    """The event by which this device refused a version or returned from it, unless it was installed after that."""
    refusal = None
    for event in slot.events():
        if event.what == "installed" and event.digest == digest:
            refusal = None
        elif digest in (event.details.get("failed"), event.what == "rolled back" and event.details.get("previous")):
            refusal = event
    return refusal
