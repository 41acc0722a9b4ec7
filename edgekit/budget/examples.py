"""Reads the examples that models are judged on, none of which is used for calibration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

import edgekit_runtime
from edgekit.budget.cross_fitting import fold_numbers
from edgekit.budget.verdict import Judgement
from edgekit.datasets.ground_truth import BOX_GROUND_TRUTH
from edgekit.datasets.opening import ModelData
from edgekit.datasets.streams import Batch, ExampleStream
from edgekit.parity.average_precision import BOX_METRICS
from edgekit.parity.found_boxes import as_truth, found_boxes, has_boxes
from edgekit.parity.ground_truth_kinds import data_claim
from edgekit.parity.metrics import LABELLED, METRICS, BoundMetric, boxes_metric, metric_for
from edgekit_converters.repair.repair import signal_to_noise_db
from edgekit_runtime.boxes.decoder import BoxDecoder
from edgekit_runtime.errors import DataError, UsageError
from edgekit_runtime.task import STATE, UNNAMED, Claim, Task
from edgekit_runtime.task_finding import find_task
from edgekit_runtime.tensor_info import model_inputs
from edgekit_runtime.tflite.tflite_model import TfliteModel

#: The search runs many models; more examples would slow it down and hardly make its result more certain.
_MOST_SEARCHED = 1000
_MOST_HELD_BACK = 5000
#: Number of examples on which repaired and plain int8 are compared.
_MOST_COMPARED = 512
#: With fewer examples than this, the search also uses half of the held-back examples.
_FEWEST_SEARCHED = 100
#: Limit for the examples in memory, which are kept there because every model is run on them.
_LARGEST_BYTES = 500_000_000
_BATCH = 64


@dataclass(frozen=True, slots=True)
class JudgedExamples:
    """Examples with the float model's outputs and the metrics to compute.

    Attributes:
        inputs: Values by input name, shape (N, …).
        ground_truth: Ground truth by output name, without outputs that have none.
        reference: Outputs of the float model by name, shape (N, …).
        metrics: Metric of each output; a state is not judged if there are other outputs.
        task: Kinds of the inputs and outputs.
        seed: Seed of the bootstrap intervals.
        folds: Fold of each example, int64 (N,), see ``edgekit.budget.cross_fitting``; None if a single model is judged
            on all examples.
        decoder: How outputs become boxes, which are then judged under the name ``BOX_GROUND_TRUTH``; None for other
            models.
    """

    inputs: dict[str, np.ndarray]
    ground_truth: dict[str, np.ndarray]
    reference: dict[str, np.ndarray]
    metrics: dict[str, BoundMetric]
    task: Task
    seed: int
    folds: np.ndarray | None = None
    decoder: BoxDecoder | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def metric_name(self) -> str:
        """The distinct names of the metrics of all outputs."""
        return ", ".join(dict.fromkeys(metric.name for metric in self.metrics.values()))

    @property
    def is_share(self) -> bool:
        """Whether drops are fractions of 1."""
        return all(metric.is_share for metric in self.metrics.values())

    @property
    def against(self) -> str:
        """The reference for the predictions: labels, or the float model's predictions."""
        return " and ".join(dict.fromkeys(metric.against for metric in self.metrics.values()))

    @property
    def smallest_step(self) -> float | None:
        """Change in the metric caused by one example; None if the metric does not count examples."""
        is_count = all(metric.name in ("top1", "agreement", "exact_match") for metric in self.metrics.values())
        return 1 / len(self) if is_count else None

    def drop(self, *models: TfliteModel) -> float:
        """The drop of a model against the float model; the largest one of several outputs.

        Args:
            models: The model, or the models of one recipe, one per fold.
        """
        outputs = self._predictions(models)
        return max(
            metric.drop(self.reference[name], outputs[name], self.ground_truth.get(name))
            for name, metric in self.metrics.items()
        )

    def judge(self, *models: TfliteModel) -> Judgement:
        """The scores of each output with their intervals; for the arguments see :meth:`drop`."""
        outputs = self._predictions(models)
        return Judgement(
            {
                name: metric.compare(self.reference[name], outputs[name], self.ground_truth.get(name), seed=self.seed)
                for name, metric in self.metrics.items()
            },
            self.smallest_step,
        )

    def signal_to_noise_db(self, *models: TfliteModel) -> float:
        """How near a model is to the float model, in dB; for the arguments see :meth:`drop`."""
        outputs = self._predictions(models)
        names = [name for name in self.reference if name != BOX_GROUND_TRUTH]
        return signal_to_noise_db([self.reference[name] for name in names], [outputs[name] for name in names])

    def _predictions(self, models: Sequence[TfliteModel]) -> dict[str, np.ndarray]:
        """Outputs by name; if there are several models, each predicts the examples of its fold."""
        if len(models) == 1:
            return _with_boxes(predictions(models[0], self.inputs), self.decoder)
        assert self.folds is not None, "several models are for folds"
        outputs = {name: np.empty_like(values) for name, values in self.reference.items() if name != BOX_GROUND_TRUTH}
        for fold, model in enumerate(models):
            rows = np.flatnonzero(self.folds == fold)
            for name, values in predictions(model, {each: of[rows] for each, of in self.inputs.items()}).items():
                outputs[name][rows] = values
        return _with_boxes(outputs, self.decoder)


@dataclass(frozen=True, slots=True)
class ExampleSplit:
    """Examples for the search and for the judgement of its result.

    Attributes:
        search: Examples that the search uses.
        held_back: Examples that its result is judged on; the same as ``search`` if there are too few examples for both.
    """

    search: JudgedExamples
    held_back: JudgedExamples


def split_examples(
    data: ModelData,
    calibrated: ExampleStream,
    float_model: TfliteModel,
    *,
    metrics: Mapping[str, str],
    claims: Sequence[Claim] = (),
    decoder: BoxDecoder | None = None,
    seed: int,
) -> ExampleSplit:
    """Read the examples to judge models on.

    The search uses examples of the calibration part that calibration did not use. If too few remain, it also uses half
    of the held-back examples.

    Args:
        data: The opened data.
        calibrated: Examples used for calibration, a ``sample`` of ``data.calibration`` with ``seed``.
        float_model: The float32 .tflite.
        metrics: Metric name by output name, or under ``UNNAMED`` for every output; if empty, the defaults of the kinds.
        claims: Statements about the task.
        decoder: How outputs become boxes; None for other models.
        seed: Seed for choosing the examples.
    Raises:
        DataError: No examples are held back, or a metric is not compatible.
        UsageError: A metric is given for an output that does not exist.
    """
    most = _most(float_model)
    held_back = _read(data.held_back.sample(min(_MOST_HELD_BACK, most), seed=seed).batches(_BATCH))
    if not held_back:
        raise DataError(
            f"{data.held_back.name} has no held-back examples to judge by.", expected="ten different examples or more"
        )
    searched = _read(_others(data.calibration, calibrated, min(_MOST_SEARCHED, most), seed))
    if sum(map(len, searched)) < _FEWEST_SEARCHED:
        # Every second example, so that both parts contain all classes even if the data is sorted by class.
        searched, held_back = [*searched, *_every_other(held_back, 1)], _every_other(held_back, 0)
    judge = partial(judged, float_model=float_model, metrics=metrics, claims=claims, decoder=decoder, seed=seed)
    confirmed = judge(held_back)
    return ExampleSplit(judge(searched) if searched else confirmed, confirmed)


def cross_fitted_examples(
    data: ModelData,
    float_model: TfliteModel,
    *,
    metrics: Mapping[str, str],
    claims: Sequence[Claim] = (),
    decoder: BoxDecoder | None = None,
    seed: int,
) -> JudgedExamples:
    """All examples of scarce data, each with its fold; for the arguments see :func:`split_examples`."""
    count = min(_MOST_HELD_BACK, _most(float_model))
    batches = _read(data.everything.sample(count, seed=seed).batches(_BATCH))
    examples = judged(batches, float_model, metrics=metrics, claims=claims, decoder=decoder, seed=seed)
    classes = next(iter(examples.ground_truth.values()), None)
    return replace(examples, folds=fold_numbers(examples.inputs, classes, seed=seed))


def other_examples(
    data: ModelData,
    calibrated: ExampleStream,
    float_model: TfliteModel,
    *,
    claims: Sequence[Claim] = (),
    seed: int,
) -> JudgedExamples:
    """Examples of the calibration part that calibration did not use; the calibration examples if there are no others.

    For the arguments see :func:`split_examples`.
    """
    count = min(_MOST_COMPARED, _most(float_model))
    batches = _read(_others(data.calibration, calibrated, count, seed))
    return judged(batches or _read(calibrated.batches(_BATCH)), float_model, metrics={}, claims=claims, seed=seed)


def judged(
    batches: Sequence[Batch],
    float_model: TfliteModel,
    *,
    metrics: Mapping[str, str],
    claims: Sequence[Claim] = (),
    decoder: BoxDecoder | None = None,
    seed: int = 0,
) -> JudgedExamples:
    """Join batches in memory, with the float model's outputs and the metric of each output.

    The outputs of a detector are judged together, by the boxes that are found in them.

    Raises:
        DataError: A metric is not compatible with the model's outputs or the ground truth.
        UsageError: A metric is given for an output that does not exist.
    """
    inputs = {name: np.concatenate([batch.inputs[name] for batch in batches]) for name in batches[0].inputs}
    reference = predictions(float_model, inputs)
    given = {name: np.concatenate([batch.ground_truth[name] for batch in batches]) for name in batches[0].ground_truth}
    # Ground truth without an output name belongs to the only output.
    if len(reference) == 1 and UNNAMED in given:
        given = {next(iter(reference)): given[UNNAMED]}
    description = float_model.description
    task = find_task(description, [*claims, data_claim(description, given)])
    bound = _bind(metrics, task, reference, given)
    name = metrics.get(BOX_GROUND_TRUTH) or metrics.get(UNNAMED) or "ap"
    if decoder is not None and name in BOX_METRICS:
        found = _with_boxes(reference, decoder)
        truth = given.get(BOX_GROUND_TRUTH)
        if has_boxes(as_truth(found[BOX_GROUND_TRUTH]) if truth is None else truth):
            reference = found
            bound = {each: metric for each, metric in bound.items() if each not in decoder.decoding.outputs}
            bound[BOX_GROUND_TRUTH] = boxes_metric(name, truth)
    if BOX_GROUND_TRUTH not in reference:
        decoder = None
    ground_truth = {name: given[name] for name, metric in bound.items() if metric.against == LABELLED}
    return JudgedExamples(inputs, ground_truth, reference, bound, task, seed, decoder=decoder)


def _with_boxes(outputs: dict[str, np.ndarray], decoder: BoxDecoder | None) -> dict[str, np.ndarray]:
    """The outputs, and the boxes that are found in them under ``BOX_GROUND_TRUTH``."""
    return outputs if decoder is None else {**outputs, BOX_GROUND_TRUTH: found_boxes(decoder, outputs)}


def _bind(
    metrics: Mapping[str, str], task: Task, reference: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]
) -> dict[str, BoundMetric]:
    """Bind a metric to each output, except states if there are other outputs.

    A metric for every output is bound to the outputs whose kinds it supports.
    """
    unknown = [name for name in metrics if name != UNNAMED and name not in reference]
    if unknown:
        raise UsageError(
            f"--metric {unknown[0]}={metrics[unknown[0]]}: the model has no output called {unknown[0]}.",
            expected=", ".join(reference),
            received=unknown[0],
        )
    names = [name for name, kind in task.outputs.items() if kind.name != STATE or name in metrics] or list(task.outputs)
    common = metrics.get(UNNAMED)
    if common is not None and common in METRICS:
        suited = [name for name in names if task.outputs[name].name in METRICS[common].kinds or name in metrics]
        names = suited or names
    return {
        name: metric_for(
            metrics.get(name, common),
            task.outputs[name].name,
            reference[name],
            given.get(name),
            is_logit=task.outputs[name].is_logit,
        )
        for name in names
    }


def predictions(model: TfliteModel, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of a model by name; batches are distributed over the cores."""
    return edgekit_runtime.load(model).predict_named(inputs)


def _most(float_model: TfliteModel) -> int:
    """Number of examples that fit into memory."""
    inputs = model_inputs(float_model.description)
    sample_bytes = sum(int(np.prod([max(size, 1) for size in x.shape[1:]])) * x.dtype.itemsize for x in inputs)
    return max(_FEWEST_SEARCHED, _LARGEST_BYTES // max(sample_bytes, 1))


def _read(batches: Iterable[Batch]) -> list[Batch]:
    return [batch for batch in batches if len(batch)]


def _others(stream: ExampleStream, without: ExampleStream, count: int, seed: int) -> Iterable[Batch]:
    """Yield at most ``count`` examples of ``stream`` that are not in ``without``, a sample of it with the same seed."""
    known = {name for batch in without.batches(_BATCH) for name in batch.names}
    # Samples with the same seed are nested: a larger sample contains the smaller one.
    for batch in stream.sample(len(known) + count, seed=seed).batches(_BATCH):
        yield _rows(batch, [row for row, name in enumerate(batch.names) if name not in known])


def _every_other(batches: Sequence[Batch], first: int) -> list[Batch]:
    return _read(_rows(batch, list(range(first, len(batch), 2))) for batch in batches)


def _rows(batch: Batch, rows: list[int]) -> Batch:
    return Batch(
        inputs={name: values[rows] for name, values in batch.inputs.items()},
        ground_truth={name: values[rows] for name, values in batch.ground_truth.items()},
        groups=None if batch.groups is None else batch.groups[rows],
        names=tuple(batch.names[row] for row in rows),
    )


def first_inputs(stream: ExampleStream, count: int) -> dict[str, np.ndarray]:
    """The inputs of the first ``count`` examples, by name, shape (N, …)."""
    return next(iter(stream.batches(count))).inputs
