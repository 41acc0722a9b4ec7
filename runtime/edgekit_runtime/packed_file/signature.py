"""Verifies Ed25519 signatures of a packed .tflite, offline.

Verification does not handle secrets, so plain integer arithmetic is safe; ``cryptography`` is used if it is installed.
Source: RFC 8032, sections 5.1.3, 5.1.4 and 5.1.7, without the cofactor.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import TYPE_CHECKING

from edgekit_runtime.errors import ModelFileError, UsageError
from edgekit_runtime.packed_file.manifest import SIGNATURE_NAME, Parts

if TYPE_CHECKING:
    from edgekit_runtime.packed_file.mapped_file import Content

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
# The bytes before the 32 bytes of the key in a DER public key (RFC 8410).
_DER_START = bytes.fromhex("302a300506032b6570032100")


def require_signature(model: Content, public_key: str | os.PathLike[str] | bytes) -> None:
    """Raise an error unless a packed .tflite is signed with a key.

    Args:
        model: Content of the whole file.
        public_key: Path of a PEM file, its content, the 32 bytes of the key, or these bytes in hex.
    Raises:
        ModelFileError: The file is not signed, is signed with another key, or has changed since it was signed.
        UsageError: ``public_key`` is not an Ed25519 public key.
    """
    key = read_public_key(public_key)
    parts = Parts(model)
    signer, signature = parse_signature(parts)
    if signer != key:
        raise ModelFileError("The model is signed with another key.", expected=key.hex(), received=signer.hex())
    if not is_signed_by(key, signed_content(model, parts), signature):
        raise ModelFileError(
            "The model's signature is invalid: the file has changed since it was signed.",
            next_step="copy the file to this machine again, or sign it again",
        )


def parse_signature(parts: Parts) -> tuple[bytes, bytes]:
    """Read the signer's public key and the signature, without checking either.

    Raises:
        ModelFileError: The file is not signed.
    """
    match = re.fullmatch(rb"ed25519 ([0-9a-f]{64}) ([0-9a-f]{128})\n", parts.read(SIGNATURE_NAME))
    if match is None:
        raise ModelFileError(
            "The model is not signed.",
            next_step="sign it on the workstation: edgekit sign model.tflite --key key.pem",
        )
    return bytes.fromhex(match.group(1).decode()), bytes.fromhex(match.group(2).decode())


def signed_content(model: Content, parts: Parts) -> bytes:
    """The bytes that a signature covers: the digests of the FlatBuffer and of every part except the signature itself.

    Raises:
        ModelFileError: The zip contains bytes that a signature would not cover.
    """
    parts.require_no_gaps()
    digests = {"": hashlib.sha256(memoryview(model)[: parts.start])}
    digests.update({name: hashlib.sha256(parts.read(name)) for name in parts.names if name != SIGNATURE_NAME})
    # repr() escapes line breaks in the names, so that two different artifacts never yield the same content.
    lines = [f"{digests[name].hexdigest()} {name!r}\n" for name in sorted(digests)]
    return ("edgekit artifact 1\n" + "".join(lines)).encode()


def read_public_key(public_key: str | os.PathLike[str] | bytes) -> bytes:
    """Read the 32 bytes of an Ed25519 public key, given in any form that :func:`require_signature` accepts.

    Raises:
        UsageError: It is not an Ed25519 public key.
    """
    content = public_key
    try:
        if isinstance(content, str) and re.fullmatch("[0-9a-fA-F]{64}", content):
            return bytes.fromhex(content)
        if not isinstance(content, bytes):
            with open(content, "rb") as file:
                content = file.read(10_000)
        if len(content) == 32:
            return content
        body = re.search(rb"-----BEGIN PUBLIC KEY-----(.*)-----END PUBLIC KEY-----", content, re.DOTALL)
        der = base64.b64decode(body.group(1)) if body else b""
    except (OSError, ValueError) as error:
        raise UsageError("The public key cannot be read.", received=str(error)) from error
    if len(der) != 44 or not der.startswith(_DER_START):
        raise UsageError(
            "This is not an Ed25519 public key.",
            expected="a PEM file that begins with -----BEGIN PUBLIC KEY-----, as edgekit keygen writes it",
            received="a private key" if b"PRIVATE" in content else f"{len(content)} bytes",
        )
    return der[12:]


def is_signed_by(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature of a message is valid.

    Args:
        public_key: 32 bytes.
        message: Any bytes.
        signature: 64 bytes.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return verify_in_python(public_key, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_in_python(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """:func:`is_signed_by` in plain integer arithmetic."""
    key = _decode(public_key)
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or key is None or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    x, y, z, t = key
    # R must be the encoding of S·B - k·A.
    point = _add(_times(scalar, _BASE), _times(int.from_bytes(digest, "little") % _ORDER, (-x % _P, y, z, -t % _P)))
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    p = (a[1] - a[0]) * (b[1] - b[0]) % _P
    q = (a[1] + a[0]) * (b[1] + b[0]) % _P
    r = 2 * a[3] * b[3] * _D % _P
    s = 2 * a[2] * b[2] % _P
    e, f, g, h = q - p, s - r, s + r, q + p
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: tuple[int, ...]) -> tuple[int, ...]:
    total: tuple[int, ...] = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


def _decode(encoded: bytes) -> tuple[int, ...] | None:
    """Decode a point to extended coordinates (X, Y, Z, T); None if the bytes do not represent a point."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if len(encoded) != 32 or y >= _P or (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


_BASE = _decode((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little")) or ()
