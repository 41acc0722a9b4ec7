"""What a detector finds."""

from __future__ import annotations

from typing import Any, NamedTuple


class Box(NamedTuple):
    """A rectangle in pixels of the image; the outer edges of its first pixel are at 0.

    Attributes:
        x_min: Left edge.
        y_min: Upper edge.
        x_max: Right edge.
        y_max: Lower edge.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Detection(NamedTuple):
    """One object in an image.

    Attributes:
        label: Label of its class.
        index: Number of its class, starting at 0 and without a background class.
        score: Score from 0 to 1.
        box: Its position, inside the image.
    """

    label: str
    index: int  # type: ignore[assignment]
    score: float
    box: Box

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return {"label": self.label, "index": self.index, "score": self.score, "box": self.box._asdict()}
