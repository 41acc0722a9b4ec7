"""Holds the results of a conversion."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.budget.report import BudgetReport
from edgekit.calibration.data import CalibrationReport
from edgekit.conversion.recovering import RecoveryReport
from edgekit.conversion.repairing import RepairReport
from edgekit.conversion.scores import OutputScore
from edgekit.conversion.slower import SlowerModel
from edgekit.counting import counted
from edgekit_converters.quantization.modes import QuantizationPath
from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_runtime.task import Task

RANDOM_CALIBRATION_WARNING = (
    "calibrated on random numbers: the model runs, but its answers can be wrong. It is not for use."
)


@dataclass(frozen=True, slots=True, repr=False)
class ConvertedModel(ResultDisplay):
    """One converted file.

    Attributes:
        quantize: Quantization mode.
        path: Path of the file.
        size_bytes: File size in bytes.
        sha256: SHA-256 of the file, in hex.
        made_by: Tool that made the file, with the reason for choosing it.
        targets: Targets that the file runs on, as far as its operators show.
        scores: Score of each output on held-back examples; empty if nothing was calibrated.
    """

    quantize: str
    path: Path
    size_bytes: int
    sha256: str
    made_by: QuantizationPath
    targets: tuple[str, ...] = ()
    scores: tuple[OutputScore, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each output on which the file is clearly worse than the float model."""
        return tuple(
            f"{self.quantize} loses accuracy, output {score.output}: {score.describe()}. --max-drop 0.01 keeps the "
            "operators in float that cause it."
            for score in self.scores
            if score.is_bad
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        scores = [score.to_dict() for score in self.scores]
        return asdict(self) | {"path": str(self.path), "scores": scores}

    def summary(self) -> Summary:
        """Mode, size, targets, scores and warnings."""
        facts = [
            ("quantize", self.quantize),
            ("size", f"{self.size_bytes:,} bytes"),
            ("sha256", self.sha256),
            ("runs on", ", ".join(self.targets)),
            *self.score_facts(),
        ]
        return Summary(f"Converted model {self.path}", tuple((name, value) for name, value in facts if value))

    def score_facts(self) -> list[tuple[str, str]]:
        """A sentence for each output that was judged, and for each warning."""
        facts = [(f"score of {score.output}", score.describe()) for score in self.scores]
        return facts + [("warning", warning) for warning in self.warnings]


@dataclass(frozen=True, slots=True, repr=False)
class Conversion(ResultDisplay):
    """Result of a conversion.

    Attributes:
        models: Converted files, in the order of the request.
        keras_version: Version of Keras that wrote the source; empty for a SavedModel.
        batch: "dynamic", "1", or "as exported" by PyTorch.
        task: Kinds of the inputs and outputs, with the source of each statement.
        pixel_ranges: Real values of pixels 0 and 255 for each image input, by name.
        notes: Sentences for the user.
        calibration: Properties of the calibration data; None if nothing was calibrated.
        random_calibration: Whether noise replaced the data.
        budget: Report of the budget, or None.
        doubts: Sentences about probable mistakes in the source or in the converted files.
        slower: Converted files that are slower than float32 on this machine.
        repair: What became of the repair of int8; None if nothing was repaired on.
        recoveries: What became of fine-tuning, for each mode that it was tried for.
    """

    models: tuple[ConvertedModel, ...]
    keras_version: str
    batch: str
    task: Task
    pixel_ranges: dict[str, tuple[float, float]]
    notes: tuple[str, ...]
    calibration: CalibrationReport | None = None
    random_calibration: bool = False
    budget: BudgetReport | None = None
    doubts: tuple[str, ...] = ()
    slower: tuple[SlowerModel, ...] = ()
    repair: RepairReport | None = None
    recoveries: tuple[RecoveryReport, ...] = ()

    @property
    def path(self) -> Path:
        """Path of the converted file; the first one if there are several."""
        return self.models[0].path

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about probable mistakes, and at the end about files that are slower than float32."""
        slower = tuple(model.describe() for model in self.slower)
        if self.random_calibration:
            return (*self.doubts, RANDOM_CALIBRATION_WARNING, *slower)
        return (
            *self.doubts,
            *(self.calibration.warnings if self.calibration else ()),
            *(self.budget.warnings if self.budget else ()),
            *(warning for model in self.models for warning in model.warnings),
            *slower,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; the notes include the warnings."""
        return asdict(self) | {
            "models": [model.to_dict() for model in self.models],
            "notes": [*self.notes, *self.warnings],
            "task": self.task.to_dict(),
            "budget": self.budget.to_dict() if self.budget else None,
            "repair": self.repair.to_dict() if self.repair else None,
            "recoveries": [recovery.to_dict() for recovery in self.recoveries],
        }

    def summary(self) -> Summary:
        """Each file, the task, the budget, notes and warnings."""
        facts = [(model.quantize, f"{model.path}, {model.size_bytes:,} bytes") for model in self.models]
        facts.append(("task", self.task.describe().removeprefix("Task: ")))
        facts += [(f"{model.quantize}: score", score.describe()) for model in self.models for score in model.scores]
        if self.calibration:
            facts.append(("calibration", f"{counted(self.calibration.samples, 'example')} of {self.calibration.data}"))
        if self.budget:
            winner = self.budget.winner
            facts.append(
                (
                    "budget",
                    f"{'met' if self.budget.met else 'missed'}: {winner.label}, change of {self.budget.metric} "
                    f"{self.budget.figure(winner.drop)}, {self.budget.figure(self.budget.max_drop)} allowed",
                )
            )
        facts += [("note", note) for note in self.notes]
        facts += [("warning", warning) for warning in self.warnings]
        return Summary(f"Conversion to {counted(len(self.models), 'file')}", tuple(facts))
