"""``edgekit verify`` as a function: is the file whole, whose is it, and does it answer here as it should?"""

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
    """What was found; a damaged file or a wrong signature is an error instead.

    Attributes:
        path: The file.
        model_sha256: Digest of the FlatBuffer, which holds; empty if none is packed.
        signer: The public key in hex whose signature holds; empty if the file is not signed.
        is_trusted: Whether that is the key that was asked for.
        golden: How the golden examples went on this machine; None if none are packed.
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
        """Raise if the model answers otherwise here than where it was packed.

        Raises:
            BelowThresholdError: With the largest error.
        """
        if self.golden is not None and not self.golden.passed:
            raise BelowThresholdError(
                f"{self.path.name} does not answer its golden examples on {self.golden.interpreter} as it should.",
                expected=f"values within {max(self.golden.tolerance):.3g}",
                received=f"errors up to {max(self.golden.max_error):.3g}",
                next_step="use another interpreter or version, or convert the model for this one with --target",
            )


def verify(path: Path, *, public_key: str | None = None, interpreter: str | None = None) -> Verification:
    """Check digest, signature and golden examples of a .tflite.

    Args:
        path: The file.
        public_key: The Ed25519 key it must be signed with: a PEM file, or 64 hex digits; None asks for no signature,
            and checks one that is there all the same.
        interpreter: ``litert`` or ``tflite-runtime``; None takes the first that is installed.
    Raises:
        ModelFileError: The file is damaged, holds nothing to verify, or is not signed as asked.
        InterpreterError: No interpreter is there, or it refuses the model.
    """
    content = read_model_file(path)
    manifest = _manifest(content)
    # A packed file that is cut off has lost its parts, too, which are behind the model.
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
    """The public key in hex whose signature of a .tflite holds; empty if the file is not signed.

    Args:
        content: The whole file.
        name: What messages call it.
    Raises:
        ModelFileError: It is signed, and the signature does not hold.
    """
    parts = Parts(content)
    if SIGNATURE_NAME not in parts.names:
        return ""
    key, signature = parse_signature(parts)
    if not is_signed_by(key, signed_content(content, parts), signature):
        raise ModelFileError(f"The signature of {name} does not hold: something has changed since.")
    return key.hex()


def _manifest(content: bytes) -> Any:
    """The manifest; where the model is another one than it says, an error that names the tensors."""
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
