"""Options of fine-tuning."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

#: Number of examples per step of a training.
BATCH = 32
#: Share of the examples that is held back for early stopping.
_HELD_BACK_SHARE = 1 / 8


@dataclass(frozen=True, slots=True)
class FineTuningOptions:
    """Options of fine-tuning.

    Attributes:
        epochs: Largest number of passes over the examples; early stopping may end it sooner.
        learning_rate: Learning rate at the start, relative to the size of each layer's weights.
        seed: Seed of the order of the examples.
    """

    epochs: int = 10
    learning_rate: float = 0.002
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def split_size(count: int) -> int:
    """How many of ``count`` examples are trained on; the others are held back for early stopping."""
    return count - max(1, round(_HELD_BACK_SHARE * count))


def steps_per_epoch(count: int) -> int:
    """Number of batches of an epoch, for ``count`` examples in total."""
    return math.ceil(split_size(count) / BATCH)
