"""Declares the options of a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Options that, together with the data, determine the trained weights.

    Attributes:
        epochs: Maximum number of passes over the training examples.
        batch_size: Number of examples per step.
        learning_rate: Learning rate of Adam.
        seed: Seed for the initial weights, the order, augmentation and dropout.
        augment: Whether to augment the images randomly in each epoch, see ``augmentation``.
        dropout: Dropout rate around the dense layer, from 0 to below 1.
        batch_norm: Whether to apply batch normalization after each convolution.
        early_stopping: Whether to set a fifth of the training examples aside and stop when the loss on them stalls.
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
