"""Options and thresholds of a comparison of two models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgekit_runtime.task import NOTHING_SAID, Claim


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds for a candidate.

    Attributes:
        max_drop: Largest allowed drop, an absolute fraction: of top-1 for classes, F1 for labels, R² for values, mean
            IoU
            for masks, token accuracy for sequences; None for no limit.
        min_agreement: Smallest allowed share of equal classes, a fraction; None for no limit.
    """

    max_drop: float | None = None
    min_agreement: float | None = None


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """Options of a comparison.

    Attributes:
        seed: Seed of the data split, of the selection of examples and of the bootstrap.
        everything: Use all examples, not only the held-back part.
        samples: Maximum number of examples; None for all.
        pixel_ranges: Real values of pixels 0 and 255 by input name, or under "" for the only image input; other inputs
            use what is packed into the candidate.
        label_column: Column of the ground truth if the data is a table; None finds it.
        slice_by: Column, array or key that names the slice of each example; None for no slices.
        top_k: The k of top-k accuracy.
        claim: Task as declared by the user.
    """

    seed: int = 0
    everything: bool = False
    samples: int | None = None
    pixel_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    label_column: str | None = None
    slice_by: str | None = None
    top_k: int = 5
    claim: Claim = NOTHING_SAID
