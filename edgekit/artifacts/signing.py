"""``edgekit keygen`` and ``edgekit sign`` as functions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit_converters.atomic_files import write_bytes
from edgekit_converters.packaging.signing import load_private_key, new_key, sign
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.manifest import SIGNATURE_NAME, Parts
from edgekit_runtime.packed_file.model_file import read_model_file


def make_keys(path: Path) -> tuple[Path, Path]:
    """Write a new private key, and its public key as ``….pub.pem`` next to it; neither file may exist before.

    Returns:
        Paths of the private and the public key.
    Raises:
        UsageError: One of the files exists or cannot be written.
    """
    public_path = path.with_suffix(".pub.pem")
    private, public = new_key()
    for place, content, mode in ((path, private, 0o600), (public_path, public, 0o644)):
        try:
            # The file is created with its final permissions, so that others can never read it, and with O_EXCL, so
            # that a key in use is never overwritten.
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            raise UsageError(
                f"{place} exists; a key in use is not overwritten.", next_step="choose another name, or move it away"
            ) from None
        except OSError as error:
            raise UsageError(f"{place} cannot be written.", received=error.strerror or str(error)) from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return path, public_path


def sign_file(
    model: Path, key: Path, output: Path, ask_password: Callable[[], str], *, release: int | None = None
) -> str:
    """Sign a .tflite with the private key in a PEM file.

    Args:
        model: The .tflite.
        key: PEM file of an Ed25519 private key.
        output: File to write.
        ask_password: Called if the key is encrypted.
        release: Release number to pack before signing; None keeps the one that is packed.
    Returns:
        Public key in hex.
    Raises:
        EdgekitError: The model is damaged, or the file does not contain a private key.
    """
    content = read_model_file(model)
    signed = sign(content, _read_key(key), ask_password, release=release)
    write_bytes(output, signed)
    return Parts(signed).read(SIGNATURE_NAME).decode().split()[1]


def read_private_key(key: Path, ask_password: Callable[[], str]) -> Any:
    """Read the private key in a PEM file, as a key of the package ``cryptography``.

    Raises:
        UsageError: The file does not contain a private key.
    """
    return load_private_key(_read_key(key), ask_password)


def _read_key(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The key {key} cannot be read.",
            received=error.strerror or str(error),
            next_step="make one with: edgekit keygen key.pem",
        ) from error
