"""``edgekit verify`` as a function: checks the integrity, the signature and the golden examples of a .tflite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgekit_runtime
from edgekit_converters.packaging.tensor_digests import changed_tensors
from edgekit_runtime.errors import BelowThresholdError, ModelFileError
from edgekit_runtime.packed_file.golden import GoldenReport
from edgekit_runtime.packed_file.manifest import GOLDEN_NAME, SIGNATURE_NAME, Parts, packed_manifest, read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file
from edgekit_runtime.packed_file.signature import is_signed_by, parse_signature, require_signature, signed_content
from edgekit_runtime.tflite.tflite_model import TfliteModel


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of a verification; a damaged file or a wrong signature raises an error instead.

    Attributes:
        path: Path of the file.
        model_sha256: Verified SHA-256 of the FlatBuffer; empty if none is packed.
        signer: Public key of the valid signature, in hex; empty if the file is not signed.
        is_trusted: Whether the signature is by the requested key.
        golden: Result of the golden examples on this machine; None if none are packed.
    """

    path: Path
    model_sha256: str
    signer: str
    is_trusted: bool
    golden: GoldenReport | None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "path": str(self.path),
            "model_sha256": self.model_sha256,
            "signer": self.signer,
            "is_trusted": self.is_trusted,
            "golden": None if self.golden is None else self.golden.to_dict(),
            "passed": self.golden is None or self.golden.passed,
        }

    def require_passed(self) -> None:
        """Raise if predictions for the golden examples, or the answer decoded from them, differ from the packed ones.

        Raises:
            BelowThresholdError: They differ; the message contains the largest error.
        """
        if self.golden is not None and not self.golden.prepared_equal:
            raise BelowThresholdError(
                f"{self.path.name} prepares its golden examples differently than when it was packed.",
                expected="the front end, sample rate or vocabulary that it was packed with",
                received="other values from the same recordings or strings",
                next_step="convert or pack the model again",
            )
        if self.golden is not None and not self.golden.answer_equal:
            raise BelowThresholdError(
                f"{self.path.name} decodes the outputs of its golden examples to another answer than the packed one.",
                expected="the anchor table and the parameters of the decoding that it was packed with",
                received="another answer from the same outputs",
                next_step="convert or pack the model again",
            )
        if self.golden is not None and not self.golden.passed:
            raise BelowThresholdError(
                f"{self.path.name} does not reproduce its golden examples on {self.golden.interpreter}.",
                expected=f"values within {max(self.golden.tolerance):.3g}",
                received=f"errors up to {max(self.golden.max_error):.3g}",
                next_step="use another interpreter or version, or convert the model for this one with --target",
            )


def verify(path: Path, *, public_key: str | None = None, interpreter: str | None = None) -> Verification:
    """Check the digest, the signature and the golden examples of a .tflite.

    Args:
        path: Path of the file.
        public_key: Ed25519 key that the file must be signed with, as a PEM file or 64 hex digits; None does not require
            a signature, but still checks an existing one.
        interpreter: ``litert``, ``tflite-runtime``, ``tflite-c`` or ``c:PATH``; None uses the first one installed.
    Raises:
        ModelFileError: The file is damaged, contains nothing to verify, or is not signed as requested.
        InterpreterError: No interpreter is installed, or it refuses the model.
    """
    content = read_model_file(path)
    manifest = _manifest(content)
    # A truncated file has also lost its parts, which are behind the model.
    model = TfliteModel(content)
    parts = Parts(content)
    if public_key is not None:
        require_signature(content, public_key)
    signer = find_signer(content, path.name)
    if not (manifest.model_sha256 or signer):
        raise ModelFileError(
            f"{path.name} is a plain .tflite: it holds no digest, signature or golden examples to verify.",
            next_step=f"pack them: edgekit pack {path.name}",
        )
    golden = edgekit_runtime.load(model, interpreter=interpreter).verify() if GOLDEN_NAME in parts.names else None
    return Verification(path, manifest.model_sha256, signer, public_key is not None, golden)


def find_signer(content: bytes, name: str) -> str:
    """The public key of the valid signature of a .tflite, in hex; empty if the file is not signed.

    Args:
        content: Content of the whole file.
        name: Name of the file, for messages.
    Raises:
        ModelFileError: The file is signed, but the signature is invalid.
    """
    parts = Parts(content)
    if SIGNATURE_NAME not in parts.names:
        return ""
    key, signature = parse_signature(parts)
    if not is_signed_by(key, signed_content(content, parts), signature):
        raise ModelFileError(f"The signature of {name} is invalid: the file has changed since it was signed.")
    return key.hex()


def _manifest(content: bytes) -> Any:
    """Read the manifest; if the model was changed since packing, raise an error that names the changed tensors."""
    try:
        return read_manifest(content)
    except ModelFileError as error:
        try:
            packed = packed_manifest(Parts(content))
            names = changed_tensors(TfliteModel(content), packed.tensor_sha256)
        except ModelFileError:
            raise error from None
        if not names:
            raise
        raise ModelFileError(
            error.problem,
            expected=error.expected,
            received=f"other values in {len(names)} tensors: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}",
            next_step="copy the file to this machine again",
        ) from error
