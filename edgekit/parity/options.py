"""How two models are compared, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit_runtime.task import NOTHING_SAID, Claim


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a candidate must reach.

    Attributes:
        max_drop: Largest drop, an absolute fraction, of top-1 for classes, F1 for labels, R² for values, mean IoU for
            masks, token accuracy for sequences; None for no limit.
        min_agreement: Least share of equal classes, a fraction; None for no limit.
    """

    max_drop: float | None = None
    min_agreement: float | None = None


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """How to compare.

    Attributes:
        seed: Seed of what is held back, of a choice of examples and of the bootstrap.
        everything: Compare on all of the data, not only on the part that is held back.
        samples: Compare on so many examples at most; None for all.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image; others take what is
            packed into the candidate.
        label_column: Column of labels where the data is a table; None finds it.
        slice_by: What says which slice an example belongs to; None for no slices.
        top_k: How many of the highest scores may hold the right class.
        claim: What the user says of the models' task.
    """

    seed: int = 0
    everything: bool = False
    samples: int | None = None
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    label_column: str | None = None
    slice_by: str | None = None
    top_k: int = 5
    claim: Claim = NOTHING_SAID
