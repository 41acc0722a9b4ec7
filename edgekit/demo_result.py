"""What the demo found: its variants and how they did."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.parity.agreement import Agreement
from edgekit_runtime.device_benchmark import Latency


@dataclass(frozen=True, slots=True)
class Variant:
    """One converted form of the model and how it did.

    Attributes:
        name: The mode.
        path: The file.
        size_bytes: Its size.
        agreement: Against the Keras model, on held-back images.
        latency: Of one image, on this machine.
    """

    name: str
    path: Path
    size_bytes: int
    agreement: Agreement
    latency: Latency

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "name": self.name,
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "agreement": self.agreement.to_dict(),
            "latency": self.latency.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo found and where its files lie.

    Attributes:
        folder: The files.
        train_images: Images trained on.
        test_images: Images held back.
        keras_top1: Top-1 of the Keras model on those, a fraction.
        variants: From the plainest to the smallest.
        winner: Name of the variant taken.
        replayed_images: Images that the separate process answered as this one did.
        replay_interpreter: The interpreter of that process.
    """

    folder: Path
    train_images: int
    test_images: int
    keras_top1: float
    variants: tuple[Variant, ...]
    winner: str
    replayed_images: int
    replay_interpreter: str

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        plain = {name: value for name, value in asdict(self).items() if name not in ("variants", "folder")}
        return plain | {"folder": str(self.folder), "variants": [variant.to_dict() for variant in self.variants]}
