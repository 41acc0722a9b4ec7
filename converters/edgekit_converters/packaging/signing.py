"""Ed25519 keys and signatures for offline devices, checked by ``edgekit_runtime.packed_file.signature``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from edgekit_converters.packaging.artifact import append_parts
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.manifest import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    SIGNATURE_NAME,
    Parts,
    packed_manifest,
)
from edgekit_runtime.packed_file.signature import signed_content
from edgekit_runtime.tflite.structure import read_model_description


def new_key() -> tuple[bytes, bytes]:
    """Generate a private key and its public key, both as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public


def sign(content: bytes, private_key: bytes, ask_password: Callable[[], str], *, release: int | None = None) -> bytes:
    """Sign a .tflite: its FlatBuffer and every part behind it; an older signature is replaced.

    Args:
        content: The whole file, packed or not.
        private_key: PEM of an Ed25519 private key.
        ask_password: Called if the key is encrypted.
        release: Release number to pack before signing; None keeps the one that is packed. A device refuses a lower
            number than that of a release it has installed.
    Returns:
        The file with its signature as a part; the same key and content give the same bytes.
    Raises:
        ModelFileError: The content is not a valid .tflite.
        UsageError: The private key is not valid, or its password is wrong.
    """
    read_model_description(content)
    if release is not None:
        content = _with_release(content, release)
    parts = Parts(content)
    key = load_private_key(private_key, ask_password)
    signer = key.public_key().public_bytes_raw()
    signature = key.sign(signed_content(content, parts))
    others = {name: parts.read(name) for name in parts.names if name != SIGNATURE_NAME}
    line = f"ed25519 {signer.hex()} {signature.hex()}\n"
    return append_parts(content[: parts.start], {**others, SIGNATURE_NAME: line.encode()})


def _with_release(content: bytes, release: int) -> bytes:
    """Write the release number into the manifest, and leave every other byte of it as it is."""
    parts = Parts(content)
    # This refuses a damaged manifest.
    provenance = packed_manifest(parts).provenance
    facts = json.loads(parts.read(MANIFEST_NAME) or b"{}")
    facts = {"schema_version": SCHEMA_VERSION, **facts, "provenance": {**provenance, "release": release}}
    others = {name: parts.read(name) for name in parts.names if name not in (MANIFEST_NAME, SIGNATURE_NAME)}
    manifest = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
    return append_parts(content[: parts.start], {MANIFEST_NAME: manifest, **others})


def load_private_key(private_key: bytes, ask_password: Callable[[], str]) -> Any:
    """Load an Ed25519 private key of the package ``cryptography``.

    Args:
        private_key: PEM.
        ask_password: Called if the key is encrypted.
    Raises:
        UsageError: The private key is not valid, or its password is wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        try:
            key = load_pem_private_key(private_key, password=None)
        except TypeError:
            # The library's way to report an encrypted key.
            key = load_pem_private_key(private_key, password=ask_password().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError("The private key cannot be read.", received=str(error).splitlines()[0]) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            "The private key has the wrong type.",
            expected="an Ed25519 key, as edgekit keygen makes it",
            received=type(key).__name__,
        )
    return key
