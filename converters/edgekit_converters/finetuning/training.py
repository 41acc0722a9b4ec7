"""Trains a student on the predictions of its teacher, the float model; runs in the child process."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit_converters.atomic_files import replacing
from edgekit_converters.finetuning.options import BATCH, FineTuningOptions, split_size, steps_per_epoch
from edgekit_converters.finetuning.student import Network, Student

#: Training ends after this many epochs without improvement on the held-back examples.
_PATIENCE = 3
#: Decay rates and smallest denominator of Adam (Kingma and Ba, 2015).
_DECAYS, _EPSILON = (0.9, 0.999), 1e-8

#: Values of the network's source tensors for N examples, by tensor number, shape (N, ...).
Sources = Mapping[int, np.ndarray]
_Run = Callable[[Mapping[int, Any]], Mapping[int, Any]]


@dataclass(slots=True)
class TrainingState:
    """All that changes during training.

    Attributes:
        variables: Values of the student's variables.
        moments: Adam's first and second moments of each variable.
        best: Variables of the best epoch; epoch 0 is the student before training.
        losses: Loss on the held-back examples before training and after each epoch.
    """

    variables: list[np.ndarray]
    moments: list[np.ndarray]
    best: list[np.ndarray] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def epochs_done(self) -> int:
        """Number of completed epochs."""
        return max(len(self.losses) - 1, 0)

    @property
    def best_epoch(self) -> int:
        """The epoch with the smallest loss."""
        return int(np.argmin(self.losses))

    @property
    def has_stopped(self) -> bool:
        """Whether the last epochs brought no improvement."""
        return self.epochs_done - self.best_epoch >= _PATIENCE


def train(
    network: Network,
    student: Student,
    sources: Sources,
    options: FineTuningOptions,
    *,
    one_by_one: bool,
    checkpoint: tuple[Path, str],
    progress: Callable[[int], None],
) -> TrainingState:
    """Train a student; it keeps the variables of the best epoch.

    Args:
        network: The float network, which is the teacher.
        student: The student.
        sources: Examples.
        options: Options.
        one_by_one: Whether the model can only take one example at a time.
        checkpoint: File for the state after each epoch, and the digest of everything that it depends on.
        progress: Called with the number of batches trained since the last call.
    """
    count = len(next(iter(sources.values())))
    order = np.random.default_rng(options.seed).permutation(count)
    trained, held_back = order[: split_size(count)], order[split_size(count) :]
    loss = _Distillation(network, student, one_by_one)
    targets = loss.targets(sources, trained)
    state = _load(*checkpoint, student) or TrainingState(
        [each.numpy() for each in student.variables],
        [np.zeros(each.shape, np.float32) for each in student.variables] * 2,
    )
    adam = _Adam(student, state)
    schedule = options.epochs * steps_per_epoch(count)
    progress(state.epochs_done * steps_per_epoch(count))
    if not state.losses:
        _note_epoch(state, student, adam, loss.mean(sources, targets, held_back))
    while state.epochs_done < options.epochs and not state.has_stopped:
        epoch = state.epochs_done
        shuffled = np.random.default_rng((options.seed, epoch)).permutation(trained)
        for number, rows in enumerate(_batches(shuffled)):
            step = epoch * steps_per_epoch(count) + number
            rate = 0.5 * options.learning_rate * (1 + math.cos(math.pi * step / schedule))
            adam.apply(loss.gradients(_rows(sources, rows), _rows(targets, rows)), rate, step + 1)
            progress(1)
        _note_epoch(state, student, adam, loss.mean(sources, targets, held_back))
        _save(*checkpoint, state)
    for variable, value in zip(student.variables, state.best, strict=False):
        variable.assign(value)
    return state


def _note_epoch(state: TrainingState, student: Student, adam: _Adam, loss: float) -> None:
    state.losses.append(loss if math.isfinite(loss) else math.inf)
    state.variables = [each.numpy() for each in student.variables]
    state.moments = [each.numpy() for each in adam.moments]
    if state.best_epoch == state.epochs_done:
        state.best = state.variables


def _batches(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _rows(values: Mapping[int, np.ndarray], rows: np.ndarray) -> dict[int, np.ndarray]:
    return {index: array[rows] for index, array in values.items()}


class _Distillation:
    """Difference between the student's and the teacher's outputs.

    Probabilities are compared by the Kullback-Leibler divergence (Hinton et al., "Distilling the Knowledge in a Neural
    Network", 2015) and by the values behind their softmax; other outputs by their squared error. Squared errors are
    divided by the variance of the teacher's values.
    """

    def __init__(self, network: Network, student: Student, one_by_one: bool) -> None:
        import tensorflow as tf

        self._network, self._student, self._one_by_one = network, student, one_by_one
        self._logits = network.softmax_inputs()
        self._compared = tuple(self._logits.get(index, index) for index in network.outputs)
        self._variances: dict[int, float] = {}
        self._teach = tf.function(self._teacher, reduce_retracing=True)
        self._loss = tf.function(self._student_loss, reduce_retracing=True)
        self._gradients = tf.function(self._loss_gradients, reduce_retracing=True)

    def targets(self, sources: Sources, trained: np.ndarray) -> dict[int, np.ndarray]:
        """Run the teacher on all examples."""
        count = len(next(iter(sources.values())))
        parts = [self._teach(_rows(sources, rows)) for rows in _batches(np.arange(count))]
        targets = {index: np.concatenate([part[index].numpy() for part in parts]) for index in self._compared}
        self._variances = {index: float(values[trained].var()) + 1e-12 for index, values in targets.items()}
        return targets

    def mean(self, sources: Sources, targets: Mapping[int, np.ndarray], rows: np.ndarray) -> float:
        """Mean loss over some of the examples."""
        parts = [len(some) * float(self._loss(_rows(sources, some), _rows(targets, some))) for some in _batches(rows)]
        return sum(parts) / len(rows)

    def gradients(self, sources: Mapping[int, np.ndarray], targets: Mapping[int, np.ndarray]) -> list[Any]:
        """Gradients of the loss of one batch."""
        return list(self._gradients(sources, targets))

    def _teacher(self, sources: Mapping[int, Any]) -> dict[int, Any]:
        return self._mapped(self._network.run, sources)

    def _student_loss(self, sources: Mapping[int, Any], targets: Mapping[int, Any]) -> Any:
        import tensorflow as tf

        results = self._mapped(self._student.run, sources)
        total = tf.constant(0.0)
        for index in self._compared:
            error = tf.reduce_mean(tf.math.squared_difference(results[index], targets[index]))
            total += error / self._variances[index]
            if index in self._logits.values():
                wanted = tf.nn.softmax(targets[index])
                entropy = tf.nn.softmax_cross_entropy_with_logits(wanted, targets[index])
                total += tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, results[index]) - entropy)
        return total

    def _loss_gradients(self, sources: Mapping[int, Any], targets: Mapping[int, Any]) -> list[Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self._student_loss(sources, targets)
        return [
            tf.zeros_like(variable) if gradient is None else gradient
            for variable, gradient in zip(
                self._student.variables, tape.gradient(loss, self._student.variables), strict=False
            )
        ]

    def _mapped(
        self, run: Callable[[Mapping[int, Any]], Mapping[int, Any]], sources: Mapping[int, Any]
    ) -> dict[int, Any]:
        """Run a batch, one example at a time if the model takes no more."""
        import tensorflow as tf

        if not self._one_by_one:
            results = run(sources)
            return {index: results[index] for index in self._compared}
        names = list(sources)
        parts = tf.map_fn(
            lambda one: tuple(
                run({index: value[tf.newaxis] for index, value in zip(names, one, strict=False)})[index][0]
                for index in self._compared
            ),
            tuple(sources[index] for index in names),
            fn_output_signature=tuple(tf.float32 for _ in self._compared),
        )
        return dict(zip(self._compared, parts, strict=False))


class _Adam:
    """Adam with its state in plain sight, so that it can be saved.

    Attributes:
        moments: First moments of all variables, then second moments.
    """

    def __init__(self, student: Student, state: TrainingState) -> None:
        import tensorflow as tf

        self._variables = student.variables
        for variable, value in zip(self._variables, state.variables, strict=False):
            variable.assign(value)
        self.moments = [tf.Variable(value) for value in state.moments]
        self._update = tf.function(self._updated)

    def apply(self, gradients: Sequence[Any], rate: float, step: int) -> None:
        """Change the variables by one step; the first step is number 1."""
        import tensorflow as tf

        first, second = _DECAYS
        corrected = rate * math.sqrt(1 - second**step) / (1 - first**step)
        self._update(gradients, tf.constant(corrected, tf.float32))

    def _updated(self, gradients: Sequence[Any], rate: Any) -> None:
        import tensorflow as tf

        count = len(self._variables)
        for variable, gradient, mean, square in zip(
            self._variables, gradients, self.moments[:count], self.moments[count:], strict=False
        ):
            mean.assign(_DECAYS[0] * mean + (1 - _DECAYS[0]) * gradient)
            square.assign(_DECAYS[1] * square + (1 - _DECAYS[1]) * tf.square(gradient))
            variable.assign_sub(rate * mean / (tf.sqrt(square) + _EPSILON))


def _save(path: Path, digest: str, state: TrainingState) -> None:
    facts = json.dumps({"digest": digest, "losses": state.losses})
    arrays: dict[str, Any] = {"facts": np.frombuffer(facts.encode(), np.uint8)}
    for group in ("variables", "moments", "best"):
        arrays |= {f"{group}{number}": array for number, array in enumerate(getattr(state, group))}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _load(path: Path, digest: str, student: Student) -> TrainingState | None:
    """Read a checkpoint; None if there is none, or it is damaged or belongs to another training."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            if facts["digest"] != digest:
                return None
            count = len(student.variables)
            sizes = {"variables": count, "moments": 2 * count, "best": count}
            groups = {group: [arrays[f"{group}{number}"] for number in range(size)] for group, size in sizes.items()}
            return TrainingState(**groups, losses=[float(loss) for loss in facts["losses"]])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
