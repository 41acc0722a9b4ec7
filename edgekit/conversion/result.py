"""What a conversion made and what it has to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgekit.budget.report import BudgetReport
from edgekit.calibration.data import CalibrationReport
from edgekit.conversion.scores import OutputScore
from edgekit_converters.quantization.modes import QuantizationPath
from edgekit_runtime.task import Task

RANDOM_CALIBRATION_WARNING = (
    "calibrated on random numbers: the model runs, but its answers can be wrong. It is not for use."
)


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """One file that was written.

    Attributes:
        quantize: The mode.
        path: The file.
        size_bytes: Its size.
        sha256: Its digest.
        made_by: The tool that made it, and why that one.
        targets: The targets that it runs on, as far as its operators tell.
        scores: How good it is on held-back examples, output by output; empty if nothing was calibrated.
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
        """A sentence for each output on which it is clearly worse than the float model."""
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


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion made and what it has to say.

    Attributes:
        models: The files, in the order they were asked for.
        keras_version: Version of Keras that wrote the source; empty for a SavedModel.
        batch: "dynamic", "1", or "as exported" by PyTorch.
        task: What the inputs and outputs are, and who says so.
        pixel_ranges: Real values of pixels 0 and 255 by name of each input that takes images.
        notes: Sentences for the user.
        calibration: What was calibrated on; None where nothing was.
        random_calibration: Whether noise took the place of data.
        budget: What came of the budget; None where there is none.
        doubts: Sentences on what is probably not meant in the source or in the files that were made.
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

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for what is probably not meant."""
        if self.random_calibration:
            return (*self.doubts, RANDOM_CALIBRATION_WARNING)
        return (
            *self.doubts,
            *(self.calibration.warnings if self.calibration else ()),
            *(self.budget.warnings if self.budget else ()),
            *(warning for model in self.models for warning in model.warnings),
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values; the notes hold the warnings, too."""
        return asdict(self) | {
            "models": [model.to_dict() for model in self.models],
            "notes": [*self.notes, *self.warnings],
            "task": self.task.to_dict(),
            "budget": self.budget.to_dict() if self.budget else None,
        }
