"""Compares a .tflite with the model that it was converted from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgekit.counting import counted, points
from edgekit.datasets.opening import DataRequest
from edgekit.datasets.readers.memory import MemoryData
from edgekit.datasets.streams import StoredExamples
from edgekit.jobs.pieces import ThisProcess, Workers
from edgekit.parity.agreement import Agreement
from edgekit.parity.compared_models import ComparedModels
from edgekit.parity.latency import median_times_ms
from edgekit.parity.layers.noise import LayerNoise
from edgekit.parity.options import Thresholds, ValidationOptions
from edgekit.parity.results import OutputParity
from edgekit.parity.validation_pieces import ComparisonSetup, merged, opened_here, pieces_of
from edgekit.progress import Advance
from edgekit_converters.result_display import ResultDisplay, Summary
from edgekit_runtime.errors import BelowThresholdError, DataError
from edgekit_runtime.task import CLASSES, LABELS, MASK, SEQUENCE, STATE, VALUES, Task

_logger = logging.getLogger(__name__)
#: Conversions of a model, int4 included, keep more signal than this; two trainings of one network do not.
_ANOTHER_MODEL_DB = 3.0


@dataclass(frozen=True, slots=True, repr=False)
class Validation(ResultDisplay):
    """The result, with the thresholds that it was judged by.

    Attributes:
        reference: The Keras file, or the .tflite compared with; only a name for a model that was in memory.
        candidate: The .tflite that is judged.
        data: What the user called the data.
        data_sha256: Digest of the examples compared on, and of their labels.
        samples: Number of these.
        task: What the inputs and outputs are, and who says so.
        outputs: The figures of each output.
        thresholds: The limits.
        failures: A sentence for each limit that was missed.
        notes: What reading did to the examples.
        layers: Noise of each layer of the Keras model, most added first; empty unless it was asked for.
        size_bytes: File size of the candidate in bytes.
        p50_ms: Median latency of one example here, timed in turn with the other candidates; None for a single one.
    """

    reference: Path
    candidate: Path
    data: str
    data_sha256: str
    samples: int
    task: Task
    outputs: tuple[OutputParity, ...]
    thresholds: Thresholds
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    size_bytes: int = 0
    p50_ms: float | None = None
    layers: tuple[LayerNoise, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no limit was missed."""
        return not self.failures

    @property
    def agreement(self) -> Agreement:
        """Summary of the first output."""
        return summary(self.outputs[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain values of the fields."""
        return {
            "reference": str(self.reference),
            "candidate": str(self.candidate),
            "data": {"name": self.data, "sha256": self.data_sha256, "samples": self.samples},
            "task": self.task.to_dict(),
            "agreement": self.agreement.to_dict(),
            "outputs": [output.to_dict() for output in self.outputs],
            "thresholds": asdict(self.thresholds),
            "failures": list(self.failures),
            "passed": self.passed,
            "size_bytes": self.size_bytes,
            "p50_ms": self.p50_ms,
            "notes": list(self.notes),
            **({"layers": [layer.to_dict() for layer in self.layers]} if self.layers else {}),
        }

    def summary(self) -> Summary:
        """The verdict, and the main figures of each output."""
        facts = [
            ("data", f"{counted(self.samples, 'example')} of {self.data}"),
            ("task", self.task.describe().removeprefix("Task: ")),
        ]
        for output in self.outputs:
            where = f"{output.name}: " if len(self.outputs) > 1 else ""
            facts += [(where + name, value) for name, value in output.facts()]
        facts += [("missed", failure) for failure in self.failures]
        facts += [("note", note) for note in self.notes]
        has_limits = any(limit is not None for limit in asdict(self.thresholds).values())
        verdict = "" if not has_limits else ": passed" if self.passed else ": failed"
        return Summary(f"{self.candidate.name} against {self.reference.name}{verdict}", tuple(facts))

    def require_passed(self) -> None:
        """Raise an error if a threshold was missed.

        Raises:
            BelowThresholdError: The message has one sentence for each missed threshold.
        """
        if self.failures:
            raise BelowThresholdError(
                f"{self.candidate.name} misses a threshold.",
                received="; ".join(self.failures),
                next_step=self._advice(),
            )

    def _advice(self) -> str:
        """What to try next, by how far the outputs are apart."""
        ratios = [output.errors.snr_db for output in self.outputs if output.errors.snr_db is not None]
        if min(ratios, default=_ANOTHER_MODEL_DB) < _ANOTHER_MODEL_DB:
            return (
                f"make sure that {self.candidate.name} was converted from {self.reference.name}: at "
                f"{min(ratios):.1f} dB signal to noise it does not look like the same model"
            )
        return "try --quantize dynamic or float16, or calibrate on more representative data"


def validate(
    reference: Path,
    candidate: Path,
    data: str,
    *,
    thresholds: Thresholds,
    options: ValidationOptions | None = None,
) -> Validation:
    """Compare a .tflite with the model it was converted from; see :func:`validate_all`."""
    return validate_all(reference, [candidate], data, thresholds=thresholds, options=options)[0]


def validate_all(
    reference: Path,
    candidates: Sequence[Path],
    data: str | MemoryData,
    *,
    thresholds: Thresholds,
    options: ValidationOptions | None = None,
    progress: Callable[[int], None] | None = None,
    workers: Workers | None = None,
) -> tuple[Validation, ...]:
    """Compare .tflite files with the model they were converted from, which runs only once per batch.

    The examples are cut into pieces, whose number depends on the data and the models only.

    Args:
        reference: Keras file, PyTorch program, or another .tflite.
        candidates: The .tflite files to judge, of one kind of input and the same labels.
        data: Data, by name, path or ``python:module:function``, or in memory.
        thresholds: What must hold for each.
        options: How to compare.
        progress: Called with the number of examples done since the last call; an ``Advance`` is also told their total.
        workers: Run the pieces of the comparison; by default, this process. The result does not depend on them.
    Raises:
        EdgekitError: A file is missing or damaged, or the data is not compatible.
    """
    options = options or ValidationOptions()
    workers = workers or ThisProcess()
    request = DataRequest(data, options.seed, options.label_column, options.slice_by)
    models = ComparedModels.open(reference, candidates, request, options)
    opened = models.open_data(request)
    stream = opened.everything if options.everything else opened.held_back
    if options.samples is not None:
        stream = stream.sample(options.samples, seed=options.seed)
    if isinstance(progress, Advance) and stream.count is not None:
        progress.expect(stream.count)
    setup = ComparisonSetup.of(models, request, options, opened.labels)
    with opened_here(setup, models, opened):
        whole = merged(setup, models, workers.results(pieces_of(setup, models, stream), progress or (lambda _: None)))
    if whole is None:
        raise DataError(
            f"{data} has no {'' if options.everything else 'held-back '}examples to compare.",
            next_step="pass data with examples" if options.everything else "pass --everything",
        )
    _logger.info("compared on %d examples", whole.samples)
    if isinstance(stream, StoredExamples):
        stream.source.changes.clear()
        stream.source.changes.update(whole.changes)
    digest, notes = stream.digest, stream.notes
    results = [comparison.outputs() for comparison in whole.comparisons]
    times_ms: list[float | None] = [None]
    if len(candidates) > 1:
        times_ms = [*median_times_ms([partial(each.predict, whole.example) for each in whole.comparisons])]
    return tuple(
        Validation(
            reference=reference,
            candidate=path,
            data=str(data),
            data_sha256=digest,
            samples=whole.samples,
            task=whole.task,
            outputs=outputs,
            thresholds=thresholds,
            failures=failures(outputs, thresholds),
            notes=notes,
            size_bytes=path.stat().st_size,
            p50_ms=p50_ms,
        )
        for path, outputs, p50_ms in zip(candidates, results, times_ms, strict=True)
    )


def summary(output: OutputParity) -> Agreement:
    """Summary of one output."""
    labelled = output.classification.labelled if output.classification else None
    return Agreement(
        samples=output.errors.samples,
        reference_top1=labelled.reference_top1 if labelled else None,
        candidate_top1=labelled.candidate_top1 if labelled else None,
        accuracy_drop=labelled.accuracy_drop if labelled else None,
        top1_agreement=output.classification.top1_agreement if output.classification else None,
        max_absolute_difference=output.errors.max_absolute_difference,
        mean_absolute_difference=output.errors.mean_absolute_difference,
    )


def failures(outputs: Sequence[OutputParity], thresholds: Thresholds) -> tuple[str, ...]:
    """One sentence for each threshold that an output misses; states are never judged.

    Raises:
        DataError: No output has the figure that a threshold limits.
    """
    judged = [output for output in outputs if output.kind != STATE]
    missed = []
    if thresholds.max_drop is not None:
        for output, drop in _figures(judged, "accuracy_drop", "--max-drop needs data with ground truth."):
            if drop > thresholds.max_drop:
                name = DROP_NAMES.get(output.kind, output.kind)
                show = "{:+.4g}".format if output.kind == VALUES else points
                changes = f"{show(-drop)}, allowed {show(-thresholds.max_drop)}"
                missed.append(f"{_of(output, outputs)}{name} {changes}")
    if thresholds.min_agreement is not None:
        for output, share in _figures(judged, "agreement", "--min-agreement needs an output of classes or labels."):
            if share < thresholds.min_agreement:
                name = "top-1 agreement" if output.kind == CLASSES else "agreement"
                needed = f"needed {100 * thresholds.min_agreement:.2f} %"
                missed.append(f"{_of(output, outputs)}{name} is {100 * share:.2f} %, {needed}")
    return tuple(missed)


#: Name of the figure that drops, by the kind of the output.
DROP_NAMES = {CLASSES: "top-1", LABELS: "F1", VALUES: "R²", MASK: "mean IoU", SEQUENCE: "token accuracy"}


def _figures(outputs: Sequence[OutputParity], figure: str, problem: str) -> list[tuple[OutputParity, float]]:
    known = [(output, value) for output in outputs if (value := getattr(output, figure)) is not None]
    if not known:
        raise DataError(problem, next_step="omit the threshold; the errors are reported anyway")
    return known


def _of(output: OutputParity, outputs: Sequence[OutputParity]) -> str:
    return f"output {output.name}: " if len(outputs) > 1 else ""
