"""Holds the results of the demo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.parity.agreement import Agreement
from edgekit_runtime.device_benchmark import Latency


@dataclass(frozen=True, slots=True)
class Variant:
    """One converted form of the model and its results.

    Attributes:
        name: Quantization mode.
        path: Path of the file.
        size_bytes: File size in bytes.
        agreement: Agreement with the Keras model on the held-back images.
        latency: Latency of one image on this machine.
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
    """Results of the demo.

    Attributes:
        folder: Folder of the files.
        train_images: Number of training images.
        test_images: Number of held-back images.
        keras_top1: Top-1 accuracy of the Keras model on the held-back images, a fraction.
        variants: Variants, from the unquantized to the smallest.
        winner: Name of the selected variant.
        replayed_images: Number of images for which the separate process predicted the same classes as this one.
        replay_interpreter: Interpreter of that process.
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
