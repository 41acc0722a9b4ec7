"""Fine-tunes for int8 and int4 and decides by held-back examples whether the result is used."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.budget.examples import JudgedExamples, judged
from edgekit.conversion.float_base import FloatBase
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.source import LoweredSource
from edgekit.counting import counted, listed, points
from edgekit.progress import progress_bar
from edgekit_converters.finetuning.options import steps_per_epoch
from edgekit_converters.finetuning.process import FineTuned, FineTuningFailedError, fine_tune
from edgekit_converters.quantization.calibration import calibrate
from edgekit_converters.quantization.modes import Mode
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: Modes that fine-tuning is for.
RECOVERABLE = frozenset({Mode.INT8, Mode.INT4})
#: More examples make fine-tuning slower and hardly better.
_MOST_TRAINED = 2048
_MOST_JUDGED = 1000
#: Limit for the examples in memory.
_LARGEST_BYTES = 250_000_000
_BATCH = 64
#: Two examples more or fewer are chance, but not more than this share of all.
_CHANCE = 0.005
#: Frozen layers that a sentence names.
_MOST_NAMED = 5
_CHECKPOINT = "-recover-checkpoint.npz"


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What became of fine-tuning for one mode.

    Attributes:
        mode: Quantization mode.
        is_selected: Whether the file is made from the fine-tuned model.
        metric: Metric of the drops.
        drop_before: Drop against the float model without fine-tuning, on held-back examples.
        drop_after: Drop with fine-tuning, on the same examples.
        is_share: Whether drops are fractions of 1.
        db_before: Signal to noise against the float model without fine-tuning, in dB.
        db_after: Signal to noise with fine-tuning.
        judged_examples: Number of held-back examples.
        trained_examples: Number of other examples, for training and early stopping.
        epochs: Number of epochs that were trained.
        best_epoch: The epoch that was kept.
        trained_layers: Number of layers that were trained.
        frozen_layers: Layers that were not: name of the output tensor and kind of operator.
        failure: Why there is no fine-tuned model to compare with; None if there is one.
    """

    mode: str
    is_selected: bool
    metric: str
    drop_before: float
    drop_after: float
    is_share: bool
    db_before: float
    db_after: float
    judged_examples: int
    trained_examples: int
    epochs: int
    best_epoch: int
    trained_layers: int
    frozen_layers: tuple[tuple[str, str], ...]
    failure: str | None = None

    def describe(self) -> str:
        """One or two sentences: what was selected, both scores, and the layers that were not trained."""
        if self.failure is not None:
            return f"{self.mode} is not fine-tuned, because fine-tuning failed: {self.failure}"
        result = "is fine-tuned" if self.is_selected else "is not fine-tuned, because it would not come nearer to float"
        change = "change" if self.is_share else "drop"
        sentence = (
            f"{self.mode} {result}: {change} of {self.metric} {self._shown(self.drop_before)} before, "
            f"{self._shown(self.drop_after)} after; signal to noise against float {self.db_before:.1f} dB before, "
            f"{self.db_after:.1f} dB after, on {counted(self.judged_examples, 'held-back example')}; "
            f"{counted(self.trained_layers, 'layer')} trained for {counted(self.epochs, 'epoch')} on "
            f"{counted(self.trained_examples, 'other')}."
        )
        if not self.frozen_layers:
            return sentence
        names = [f"{kind} {name}" for name, kind in self.frozen_layers[:_MOST_NAMED]]
        if len(self.frozen_layers) > _MOST_NAMED:
            names.append(f"{len(self.frozen_layers) - _MOST_NAMED} more")
        return f"{sentence} Not trained: {listed(names, 'and')}."

    def _shown(self, drop: float) -> str:
        return points(-drop) if self.is_share else f"{drop:.4g}"

    def facts(self) -> dict[str, Any]:
        """The facts that the manifest stores."""
        return {"epochs": self.epochs, "best_epoch": self.best_epoch, "examples": self.trained_examples}

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


def require_recoverable(options: ConversionOptions, modes: Collection[Mode]) -> None:
    """Refuse fine-tuning that has no data or no mode to work on.

    Raises:
        UsageError: Names what is missing.
    """
    if options.recovery is None:
        return
    if not RECOVERABLE.intersection(modes):
        raise UsageError(
            f"--recover does nothing for {listed([mode.value for mode in modes], 'and')}.",
            expected=f"--quantize {listed(sorted(mode.value for mode in RECOVERABLE), 'or')}, auto or --all",
            next_step="leave --recover out, or choose another --quantize",
        )
    if options.data is None:
        raise UsageError(
            "--recover needs data: fine-tuning compares the predictions of two models on real inputs.",
            expected="--data with some hundred examples; labels are not needed",
            received="no --data",
        )


def recover_modes(
    source: LoweredSource, bases: Mapping[Mode, FloatBase], outputs: Mapping[Mode, Path], options: ConversionOptions
) -> tuple[dict[Mode, FloatBase], tuple[RecoveryReport, ...]]:
    """Fine-tune for every mode that can be fine-tuned for.

    Args:
        source: The original float model and its data.
        bases: The float model that each mode is made from without fine-tuning.
        outputs: Output path of each mode.
        options: Options; without those of fine-tuning, nothing is done.
    Returns:
        The fine-tuned models that are better than what they were made from, and a report for each mode.
    Raises:
        EdgekitError: See :func:`recover`.
    """
    if options.recovery is None:
        return {}, ()
    made = {
        mode: recover(source, mode, base, outputs[mode], options) for mode, base in bases.items() if mode in RECOVERABLE
    }
    return {mode: base for mode, (base, report) in made.items() if report.is_selected}, tuple(
        report for _, report in made.values()
    )


def recover(
    source: LoweredSource, mode: Mode, base: FloatBase, output: Path, options: ConversionOptions
) -> tuple[FloatBase, RecoveryReport]:
    """Fine-tune a float model for a mode.

    Args:
        source: The original float model, which is the teacher and the judge's reference, and the data.
        mode: ``INT8`` or ``INT4``.
        base: What the mode is quantized from without fine-tuning: the original model, or the repaired one.
        output: Path of the file to write; a checkpoint is kept beside it until training has ended.
        options: Options, which contain those of fine-tuning.
    Returns:
        The fine-tuned model, or ``base`` if that is better on examples that training did not use; and the report.
    Raises:
        DataError: There are too few examples to train on, or none to judge by.
        ConversionError: No layer can be trained.
    """
    assert options.recovery is not None and source.calibration is not None, "only asked for with --recover and data"
    if source.calibration.is_scarce and options.budget is not None:
        raise DataError(
            "The data is too small for --recover with a budget: all of it would judge what it trained.",
            expected="some hundred examples, of which 100 can be held back",
            next_step="pass more data, or leave --max-drop out",
        )
    held_back = _held_back(source, options)
    inputs = _inputs(source, options)
    count = len(next(iter(inputs.values())))
    before = base.quantized(mode, options).model
    checkpoint = output.with_name(f"{output.stem}-{mode.value}{_CHECKPOINT}")
    with progress_bar(f"Fine-tuning for {mode.value}", options.recovery.epochs * steps_per_epoch(count)) as advance:
        try:
            tuned = fine_tune(base.model, before, inputs, options.recovery, checkpoint=checkpoint, progress=advance)
        except FineTuningFailedError as error:
            return base, _failed(mode, error, held_back, before)
    recovered = _recovered_base(base, tuned, inputs, mode, options)
    after = recovered.quantized(mode, options).model
    report = _report(mode, tuned, held_back, (before, after), trained_examples=count)
    return (recovered if report.is_selected else base), report


def _report(
    mode: Mode,
    tuned: FineTuned,
    examples: JudgedExamples,
    models: tuple[TfliteModel, TfliteModel],
    *,
    trained_examples: int,
) -> RecoveryReport:
    """Compare the models before and after fine-tuning."""
    drops = [examples.drop(model) for model in models]
    levels = [examples.signal_to_noise_db(model) for model in models]
    chance = min(2 * (examples.smallest_step or 0), _CHANCE)
    is_nearer = drops[1] <= drops[0] + chance and levels[1] > levels[0]
    return RecoveryReport(
        mode=mode.value,
        is_selected=drops[1] < drops[0] - chance or is_nearer,
        metric=examples.metric_name,
        drop_before=drops[0],
        drop_after=drops[1],
        is_share=examples.is_share,
        db_before=levels[0],
        db_after=levels[1],
        judged_examples=len(examples),
        trained_examples=trained_examples,
        epochs=len(tuned.losses) - 1,
        best_epoch=tuned.best_epoch,
        trained_layers=tuned.trained,
        frozen_layers=tuned.frozen,
    )


def _failed(mode: Mode, error: FineTuningFailedError, examples: JudgedExamples, before: TfliteModel) -> RecoveryReport:
    """The report for a model that stays as it was, because training ended without a result."""
    drop, level = examples.drop(before), examples.signal_to_noise_db(before)
    return RecoveryReport(
        mode=mode.value,
        is_selected=False,
        metric=examples.metric_name,
        drop_before=drop,
        drop_after=drop,
        is_share=examples.is_share,
        db_before=level,
        db_after=level,
        judged_examples=len(examples),
        trained_examples=0,
        epochs=0,
        best_epoch=0,
        trained_layers=0,
        frozen_layers=(),
        failure=f"{error.received}.",
    )


def _recovered_base(
    base: FloatBase, tuned: FineTuned, inputs: Mapping[str, np.ndarray], mode: Mode, options: ConversionOptions
) -> FloatBase:
    if not mode.needs_calibration:
        return replace(base, model=tuned.model)
    count = min(options.samples, len(next(iter(inputs.values()))))
    samples = ({name: values[row : row + 1] for name, values in inputs.items()} for row in range(count))
    return replace(base, model=tuned.model, ranges=calibrate(tuned.model, samples).with_learnt(tuned.limits))


def _held_back(source: LoweredSource, options: ConversionOptions) -> JudgedExamples:
    assert source.calibration is not None, "--recover needs data"
    stream = source.calibration.data.held_back.sample(_MOST_JUDGED, seed=options.seed)
    batches = [batch for batch in stream.batches(_BATCH) if len(batch)]
    if not batches:
        raise DataError(
            f"{stream.name} has no held-back examples to judge fine-tuning by.",
            expected="ten different examples or more",
            next_step="pass more data, or leave --recover out",
        )
    claims = [source.task.as_claim()]
    return judged(
        batches, source.lowered.model, metrics={}, claims=claims, decoder=source.box_decoder, seed=options.seed
    )


def _inputs(source: LoweredSource, options: ConversionOptions) -> dict[str, np.ndarray]:
    """Examples to train on, none of which is held back."""
    assert source.calibration is not None, "--recover needs data"
    stream = source.calibration.data.calibration
    first = next(iter(stream.batches(1)), None)
    size = sum(values.nbytes for values in first.inputs.values()) if first else 1
    count = min(_MOST_TRAINED, max(2, _LARGEST_BYTES // max(size, 1)))
    batches = [batch for batch in stream.sample(count, seed=options.seed).batches(_BATCH) if len(batch)]
    if sum(map(len, batches)) < 2:
        raise DataError(
            f"{stream.name} has too few examples to fine-tune on.",
            expected="some hundred examples, at least two",
            next_step="pass more data, or leave --recover out",
        )
    return {name: np.concatenate([batch.inputs[name] for batch in batches]) for name in batches[0].inputs}
