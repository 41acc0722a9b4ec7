"""How two models are compared, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a candidate must reach.

    Attributes:
        max_drop: Largest drop of the top-1 accuracy, an absolute fraction; None for no limit.
        min_agreement: Least share of equal answers, a fraction; None for no limit.
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
        pixel_range: Real values of pixels 0 and 255; None takes those packed into the candidate.
        label_column: Column of labels where the data is a table; None finds it.
        slice_by: What says which slice an example belongs to; None for no slices.
        top_k: How many of the highest scores may hold the right class.
    """

    seed: int = 0
    everything: bool = False
    samples: int | None = None
    pixel_range: tuple[float, float] | None = None
    label_column: str | None = None
    slice_by: str | None = None
    top_k: int = 5
