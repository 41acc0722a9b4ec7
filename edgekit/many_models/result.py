"""The result of converting many models: one row per model."""

from __future__ import annotations

import csv
import enum
import io
from dataclasses import asdict, dataclass
from typing import Any

from edgekit_runtime.errors import EdgekitError

_MOST_NAMES = 20


class Status(enum.Enum):
    """What became of a model."""

    CONVERTED = "converted"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What became of one model.

    Attributes:
        name: Model name.
        status: Whether it was converted, skipped because an earlier run had converted it, or failed.
        source_bytes: Size of the source in bytes.
        files: Paths of the files that were written.
        size_bytes: Size of these files in bytes.
        drop: Drop of the metric against the float model, an absolute fraction; None without a budget.
        meets_budget: Whether the drop is within the budget; None without one.
        seconds: Time of the conversion in seconds.
        reason: Why the conversion failed; empty if it did not.
        notes: Notes and warnings of the conversion.
    """

    name: str
    status: Status
    source_bytes: int
    files: tuple[str, ...] = ()
    size_bytes: int = 0
    drop: float | None = None
    meets_budget: bool | None = None
    seconds: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self) | {"status": self.status.value, "files": list(self.files), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ModelRow:
        """The row that ``to_dict`` has given.

        Raises:
            ValueError, TypeError, KeyError: The fields are others.
        """
        named = {"status": Status(fields["status"]), "files": tuple(fields["files"]), "notes": tuple(fields["notes"])}
        return cls(**(fields | named))

    @property
    def has_failed(self) -> bool:
        """Whether the conversion failed or missed its budget."""
        return self.status is Status.FAILED or self.meets_budget is False


@dataclass(frozen=True, slots=True)
class ManyConversions:
    """Result of converting many models.

    Attributes:
        rows: One row per model, in the order of the request.
    """

    rows: tuple[ModelRow, ...]

    def count(self, status: Status) -> int:
        """Number of models with a status."""
        return sum(row.status is status for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Counts and rows as plain values."""
        return {status.value: self.count(status) for status in Status} | {
            "models": [row.to_dict() for row in self.rows]
        }

    def to_csv(self) -> str:
        """One line per model, with a line of headings."""
        text = io.StringIO()
        fields = list(ModelRow.__dataclass_fields__)
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            values = row.to_dict()
            writer.writerow(values | {name: "; ".join(values[name]) for name in ("files", "notes")})
        return text.getvalue()

    def require_all(self) -> None:
        """Check that every model was converted within its budget.

        Raises:
            EdgekitError: One was not; the message names it.
        """
        failed = [row.name for row in self.rows if row.has_failed]
        if failed:
            more = f" and {len(failed) - _MOST_NAMES} more" if len(failed) > _MOST_NAMES else ""
            raise EdgekitError(
                f"{len(failed)} of {len(self.rows)} models failed: {', '.join(failed[:_MOST_NAMES])}{more}.",
                next_step="fix them and repeat the command; what is converted is skipped",
            )
