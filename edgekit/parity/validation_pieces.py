"""Cuts a comparison into pieces of some hundred examples, and merges the results in the order of the pieces.

The size of a piece depends on the models' inputs only, never on the number of workers. Data that has a path or a name
is read where a piece runs; data of a function or in memory travels with the piece.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from edgekit.datasets import kinds
from edgekit.datasets.opening import DataRequest, ModelData
from edgekit.datasets.streams import Batch, ExampleStream, StoredExamples
from edgekit.jobs.pieces import Advance, Locate
from edgekit.parity.compared_models import ComparedModels
from edgekit.parity.comparison import Comparison, Tallies
from edgekit.parity.options import ValidationOptions
from edgekit.parity.predictors import batch_size, own_inputs
from edgekit_runtime.errors import DataError, EdgekitError
from edgekit_runtime.task import Task

#: Fewest examples of a piece: a second or so of work, against about a millisecond that handing a piece over costs.
_PIECE_EXAMPLES = 512


@dataclass(frozen=True, slots=True)
class ComparisonSetup:
    """What all pieces of a comparison have in common.

    Attributes:
        run: Identifies the comparison, so that a process opens models and data once for all of its pieces.
        reference: Path of the reference.
        candidates: Paths of the .tflite files.
        request: Data that each process opens itself, with an absolute path; None if it travels with the pieces.
        labels: Class names; empty if unknown.
        options: How to compare.
    """

    run: str
    reference: Path
    candidates: tuple[Path, ...]
    request: DataRequest | None
    labels: tuple[str, ...]
    options: ValidationOptions

    @classmethod
    def of(
        cls, models: ComparedModels, request: DataRequest, options: ValidationOptions, labels: tuple[str, ...]
    ) -> ComparisonSetup:
        """Describe a comparison; ``labels`` are those of the data."""
        return cls(
            uuid.uuid4().hex,
            models.reference.path.absolute(),
            tuple(each.path.absolute() for each in models.candidates),
            _readable_elsewhere(request),
            models.labels or labels,
            options,
        )


def _readable_elsewhere(request: DataRequest) -> DataRequest | None:
    """The request with an absolute path; None for code of the user and for data in memory."""
    if not isinstance(request.source, str) or request.source.startswith(kinds.FUNCTION.prefix):
        return None
    path = kinds.path_of(request.source)
    return request if path is None else replace(request, source=str(path.absolute()))


@dataclass(frozen=True, slots=True)
class ComparedPiece:
    """Result of a piece.

    Attributes:
        tallies: Figures of each candidate.
        task: What the inputs and outputs are.
        samples: Number of examples.
        changes: Number of examples that reading changed, by the kind of change.
        example: Inputs of the first example, by name.
    """

    tallies: tuple[Tallies, ...]
    task: Task
    samples: int
    changes: Counter[str]
    example: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class ComparisonPiece:
    """Some consecutive examples to compare on; a ``Piece``.

    Attributes:
        setup: What all pieces have in common.
        task: What the inputs and outputs are.
        start: Number of examples before these.
        steps: Number of examples.
        batch: Number of examples to predict at once.
        rows: Rows of the data, int64 (N,); empty if the examples travel with the piece.
        seen: Digest of these rows' names and ground truth, so that other data at the same path is noticed.
        batches: The examples, if the data cannot be read elsewhere.
    """

    setup: ComparisonSetup
    task: Task
    start: int
    steps: int
    batch: int
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    seen: str = ""
    batches: tuple[Batch, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The models."""
        return self.setup.reference, *self.setup.candidates

    def run(self, locate: Locate, advance: Advance) -> ComparedPiece:
        """Compare on the examples; see ``Piece``.

        Raises:
            DataError: This machine does not see the data, or sees other data, or an example is damaged.
        """
        models, data = _opened(self.setup, locate)
        options, labels = self.setup.options, self.setup.labels
        comparisons = [
            Comparison(models.reference, each, self.task.outputs, labels, options, start=self.start)
            for each in models.candidates
        ]
        example: dict[str, np.ndarray] = {}
        stream = self._stream(data)
        before = Counter() if stream is None else Counter(stream.source.changes)
        for batch in self.batches if stream is None else stream.batches(self.batch):
            predictions = models.reference.predict(own_inputs(models.reference, batch))
            for comparison in comparisons:
                comparison.add(batch, predictions, images=models.images(batch))
            # A copy, because a view would keep the whole batch in memory.
            example = example or {name: values[:1].copy() for name, values in batch.inputs.items()}
            advance(len(batch))
        changes = Counter() if stream is None else Counter(stream.source.changes) - before
        return ComparedPiece(tuple(each.tallies for each in comparisons), self.task, self.steps, changes, example)

    def failed(self, error: EdgekitError) -> NoReturn:
        """Raise the error: a comparison without some of its examples would be another one."""
        raise error

    def _stream(self, data: ModelData | None) -> StoredExamples | None:
        if data is None:
            return None
        everything = data.everything
        if isinstance(everything, StoredExamples) and (not len(self.rows) or self.rows[-1] < everything.count):
            stream = replace(everything, rows=self.rows)
            if _seen(stream) == self.seen:
                return stream
        raise DataError(
            f"{platform.node()} sees other examples in {everything.name} than the machine that started the work.",
            expected="the same files, and the same ground truth, on every machine",
            next_step="put the data into a folder that all workers share",
        )


@dataclass(frozen=True, slots=True)
class WholeComparison:
    """The merged results of all pieces.

    Attributes:
        comparisons: Figures of each candidate.
        task: What the inputs and outputs are.
        samples: Number of examples.
        changes: Number of examples that reading changed, by the kind of change.
        example: Inputs of the first example, by name.
    """

    comparisons: tuple[Comparison, ...]
    task: Task
    samples: int
    changes: Counter[str]
    example: Mapping[str, np.ndarray]


def pieces_of(setup: ComparisonSetup, models: ComparedModels, stream: ExampleStream) -> Iterator[ComparisonPiece]:
    """Cut a comparison into pieces.

    Args:
        setup: What all pieces have in common.
        models: The models, as opened in this process.
        stream: The examples.
    """
    batch = batch_size(models.reference.inputs)
    task: Task | None = None
    count = -(-_PIECE_EXAMPLES // batch) * batch
    if setup.request is not None and isinstance(stream, StoredExamples):
        truth = {output: values[stream.rows[:batch]] for output, values in stream.source.ground_truth.items()}
        for start in range(0, len(stream.rows), count):
            part = replace(stream, rows=stream.rows[start : start + count])
            task = task or models.task(setup.options.claim, truth)
            yield ComparisonPiece(setup, task, start, part.count, batch, part.rows, _seen(part))
        return
    start = 0
    for batches in _grouped(stream.batches(batch), count // batch):
        task = task or models.task(setup.options.claim, batches[0].ground_truth)
        steps = sum(map(len, batches))
        yield ComparisonPiece(setup, task, start, steps, batch, batches=batches)
        start += steps


def _grouped(batches: Iterator[Batch], count: int) -> Iterator[tuple[Batch, ...]]:
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == count:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def merged(setup: ComparisonSetup, models: ComparedModels, results: Iterable[ComparedPiece]) -> WholeComparison | None:
    """Merge the results of pieces in their order; None if there are no examples."""
    whole: WholeComparison | None = None
    for result in results:
        if whole is None:
            comparisons = tuple(
                Comparison(models.reference, each, result.task.outputs, setup.labels, setup.options)
                for each in models.candidates
            )
            whole = WholeComparison(comparisons, result.task, 0, Counter(), result.example)
        for comparison, tallies in zip(whole.comparisons, result.tallies, strict=True):
            comparison.merge(tallies)
        whole = replace(whole, samples=whole.samples + result.samples, changes=whole.changes + result.changes)
    return whole


def _seen(stream: StoredExamples) -> str:
    whole = hashlib.sha256()
    whole.update("\0".join(stream.source.name_of(row) for row in stream.rows.tolist()).encode())
    for output, values in sorted(stream.source.ground_truth.items()):
        whole.update(output.encode() + np.ascontiguousarray(values[stream.rows]).tobytes())
    return whole.hexdigest()


#: Models and data of the comparison that this process works on, under its ``run``.
_kept: dict[str, tuple[ComparedModels, ModelData | None]] = {}


@contextlib.contextmanager
def opened_here(setup: ComparisonSetup, models: ComparedModels, data: ModelData) -> Iterator[None]:
    """Let pieces that run in this process use what it has already opened."""
    _kept[setup.run] = models, None if setup.request is None else data
    try:
        yield
    finally:
        _kept.pop(setup.run, None)


def _opened(setup: ComparisonSetup, locate: Locate) -> tuple[ComparedModels, ModelData | None]:
    if setup.run not in _kept:
        _require_visible(setup.request)
        # Models of an earlier comparison would only take memory.
        _kept.clear()
        reference, *candidates = (locate(path) for path in (setup.reference, *setup.candidates))
        models = ComparedModels.open(reference, candidates, setup.request, setup.options)
        _kept[setup.run] = models, None if setup.request is None else models.open_data(setup.request)
    return _kept[setup.run]


def _require_visible(request: DataRequest | None) -> None:
    path = None if request is None else kinds.path_of(request.source)
    if path is None or path.exists():
        return
    raise DataError(
        f"{platform.node()} does not see the data {path}.",
        expected="a folder or file at the same path on every machine",
        received="no such path there",
        next_step="put the data into a folder that all workers share",
    )
