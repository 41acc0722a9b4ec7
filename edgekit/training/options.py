"""How to train."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Everything that decides the weights, besides the data.

    Attributes:
        epochs: How often every example is seen, at most.
        batch_size: Examples a step.
        learning_rate: Adam's.
        seed: Seed of the first weights, of the order, of augmentation and dropout.
        augment: Whether to change the images a little each time; see ``augmentation``.
        dropout: Share dropped around the dense layer, 0 to below 1.
        batch_norm: Whether to normalize after each convolution.
        early_stopping: Whether to keep a fifth of the training examples aside and stop when these get no better.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 0.001
    seed: int = 0
    augment: bool = True
    dropout: float = 0.3
    batch_norm: bool = False
    early_stopping: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The options as plain values."""
        return asdict(self)
