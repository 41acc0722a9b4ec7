"""Reads, without an interpreter, what a .tflite contains, what is packed into it, and which targets run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_converters.targets.check import TargetCheck, check_targets
from edgekit_converters.targets.target import target_names
from edgekit_runtime.errors import UsageError
from edgekit_runtime.packed_file.manifest import Manifest, Parts, read_manifest
from edgekit_runtime.packed_file.model_file import read_model_file, refuse_lost_parts
from edgekit_runtime.tflite.description import ModelDescription, TensorDescription
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Position of the schema identifier in a FlatBuffer.
_IDENTIFIER = slice(4, 8)


@dataclass(frozen=True, slots=True, repr=False)
class TfliteInspection(ResultDisplay):
    """A .tflite and what is packed into it.

    Attributes:
        path: Path of the file.
        description: Tensors, operators and signatures.
        manifest: Labels, preprocessing, provenance and digests.
        parts: Names of the parts packed behind the FlatBuffer, by any tool.
        runs_on: Names of the targets that run the file, as far as its operators show.
    """

    path: Path
    description: ModelDescription
    manifest: Manifest
    parts: tuple[str, ...]
    runs_on: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "path": str(self.path),
            **self.description.to_dict(),
            "manifest": self.manifest.to_dict(),
            "parts": list(self.parts),
            "runs_on": list(self.runs_on),
        }

    def summary(self) -> Summary:
        """Size, operators, inputs, outputs, targets, and packed facts."""
        model, manifest = self.description, self.manifest
        facts = [
            ("size", f"{model.size_bytes:,} bytes"),
            ("operators", f"{len(model.operators):,}"),
            *(("input", _describe(tensor)) for tensor in model.inputs),
            *(("output", _describe(tensor)) for tensor in model.outputs),
            ("runs on", ", ".join(self.runs_on) or "none of the known targets"),
        ]
        if manifest.labels:
            facts.append((f"{len(manifest.labels):,} labels", ", ".join(manifest.labels)))
        if "quantize" in manifest.provenance:
            facts.append(("quantize", str(manifest.provenance["quantize"])))
        return Summary(f"TFLite model {self.path.name}", tuple(facts))


@dataclass(frozen=True, slots=True, repr=False)
class TargetChecks(ResultDisplay):
    """Whether a .tflite runs on some targets.

    Attributes:
        path: Path of the file.
        checks: Result for each target, in the order of the request.
    """

    path: Path
    checks: tuple[TargetCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether the model runs on all targets."""
        return not self.failed_targets

    @property
    def failed_targets(self) -> tuple[str, ...]:
        """Names of the targets that the model does not run on."""
        return tuple(check.target for check in self.checks if not check.runs)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {"path": str(self.path), "targets": [check.to_dict() for check in self.checks]}

    def summary(self) -> Summary:
        """The verdict for each target, with what prevents the model from running."""
        facts = []
        for check in self.checks:
            facts.append((check.target, "runs" if check.runs else "does not run"))
            facts += [("", f"{finding.operator} {finding.problem}") for finding in check.findings]
        return Summary(f"Targets of {self.path.name}", tuple(facts))


def _describe(tensor: TensorDescription) -> str:
    sizes = ", ".join("any" if size == -1 else str(size) for size in tensor.shape_signature)
    return f"{tensor.name}: {tensor.dtype} ({sizes})"


def is_tflite(path: Path) -> bool:
    """Whether a file is a .tflite, by its content or by its name."""
    if not path.is_file():
        return path.suffix == ".tflite"
    with path.open("rb") as file:
        return file.read(8)[_IDENTIFIER] == b"TFL3" or path.suffix == ".tflite"


def inspect_tflite(path: Path) -> TfliteInspection:
    """Read a .tflite.

    Raises:
        ModelFileError: The file is missing, is damaged or has another format.
    """
    return inspect_content(path, read_model_file(path))


def inspect_content(path: Path, content: bytes) -> TfliteInspection:
    """Read the content of a .tflite.

    Args:
        path: Path of the file, for messages and results.
        content: Its content.
    Raises:
        ModelFileError: The content is damaged or has another format.
    """
    manifest, model = read_manifest(content), TfliteModel(content)
    refuse_lost_parts(model.description, manifest.model_sha256)
    runs_on = tuple(check.target for check in check_targets(model, target_names()) if check.runs)
    return TfliteInspection(path, model.description, manifest, tuple(Parts(content).names), runs_on)


def check_tflite(path: Path, targets: Sequence[str]) -> TargetChecks:
    """Check whether a .tflite, made by any tool, runs on some targets.

    Args:
        path: Path of the file.
        targets: Names of the targets.
    Raises:
        UsageError: The file is not a .tflite, or a target does not exist.
        ModelFileError: The file is missing or damaged.
    """
    if path.exists() and not is_tflite(path):
        raise UsageError(
            f"{path.name} is not a .tflite, and --target looks at the operators of one.",
            next_step=f"edgekit convert {path.name} --target {targets[0]} converts and checks it",
        )
    return TargetChecks(path, check_targets(TfliteModel(read_model_file(path)), targets))
