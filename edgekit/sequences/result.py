"""Holds the result of converting an encoder and a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.sequences.scores import SequenceScores
from edgekit.sequences.within_budget import PairBudget
from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_runtime.sequences.decoding import StepwiseDecoding


@dataclass(frozen=True, slots=True, repr=False)
class PairConversion(ResultDisplay):
    """One file with an encoder and a decoder.

    Attributes:
        path: Path of the file.
        quantize: Quantization mode.
        size_bytes: File size in bytes.
        shared_bytes: Size of the weights that encoder and decoder share, which are stored once.
        sha256: SHA-256 of the file, in hex.
        targets: Targets that the file runs on, as far as its operators show.
        decoding: How the file generates: tokens, lengths, beams.
        scores: Scores of source, float model and file; None without data.
        budget: Report of the search within a budget; None without one.
        notes: Sentences for the user.
    """

    path: Path
    quantize: str
    size_bytes: int
    shared_bytes: int
    sha256: str
    targets: tuple[str, ...]
    decoding: StepwiseDecoding
    scores: SequenceScores | None
    budget: PairBudget | None
    notes: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if the file is clearly worse than the float model."""
        if self.scores is None or not self.scores.is_bad:
            return ()
        return (f"{self.quantize} loses accuracy: {self.scores.describe()}. Try int16x8 or dynamic.",)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; the notes include the warnings."""
        return {
            "path": str(self.path),
            "quantize": self.quantize,
            "size_bytes": self.size_bytes,
            "shared_bytes": self.shared_bytes,
            "sha256": self.sha256,
            "targets": list(self.targets),
            "decoding": self.decoding.to_dict(),
            "scores": self.scores.to_dict() if self.scores else None,
            "budget": self.budget.to_dict() if self.budget else None,
            "notes": [*self.notes, *self.warnings],
        }

    def summary(self) -> Summary:
        """Mode, size, tokens, scores, notes and warnings."""
        facts = [
            ("quantize", self.quantize),
            ("size", f"{self.size_bytes:,} bytes"),
            ("sha256", self.sha256),
            ("runs on", ", ".join(self.targets)),
            ("start, end", f"{self.decoding.start}, {self.decoding.end}"),
            ("maximum length", str(self.decoding.max_length)),
            ("budget", self.budget.describe() if self.budget else ""),
            ("score", self.scores.describe() if self.scores else ""),
        ]
        facts += [("note", note) for note in self.notes]
        facts += [("warning", warning) for warning in self.warnings]
        return Summary(f"Converted encoder and decoder {self.path}", tuple((a, b) for a, b in facts if b))
