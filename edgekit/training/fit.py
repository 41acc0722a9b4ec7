"""Trains the reference CNN; the same seed gives the same weights, even if the training is interrupted and resumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.datasets.dataset import Dataset
from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, to_model_input
from edgekit.datasets.source import as_digests, row_hashes
from edgekit.datasets.splitting import hold_back
from edgekit.parity.predictions import keras_predict
from edgekit.progress import progress_bar
from edgekit.training.batches import batches
from edgekit.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from edgekit.training.options import TrainingOptions
from edgekit.training.reference_cnn import build
from edgekit.training.saving import require_room_for_training
from edgekit_converters.atomic_files import require_place
from edgekit_converters.quiet_tensorflow import import_quietly
from edgekit_runtime.errors import DataError

CHECKPOINT_NAME = "checkpoint.npz"
#: Minimum height and width for two poolings and three 3 × 3 convolutions.
_LEAST_SIZE = 18
#: Number of epochs without a smaller loss after which early stopping ends the training.
_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained model and its results.

    Attributes:
        model: Trained ``keras.Model``.
        options: Options of the training.
        history: ``loss`` and ``accuracy`` per epoch; with early stopping also ``val_loss`` and ``val_accuracy``.
        train_count: Number of training examples.
        test_count: Number of held-back examples.
        test_accuracy: Accuracy on the held-back examples, a fraction.
        confusion: Confusion matrix: number of examples of class i (row) predicted as class j (column), int64
            (classes, classes).
        labels: Class names.
        data_digest: SHA-256 of the dataset, in hex.
    """

    model: Any
    options: TrainingOptions
    history: dict[str, list[float]]
    train_count: int
    test_count: int
    test_accuracy: float
    confusion: np.ndarray
    labels: tuple[str, ...]
    data_digest: str

    def to_dict(self) -> dict[str, Any]:
        """All fields except the model, as plain values."""
        return {
            "options": self.options.to_dict(),
            "history": self.history,
            "train_count": self.train_count,
            "test_count": self.test_count,
            "test_accuracy": self.test_accuracy,
            "confusion": self.confusion.tolist(),
            "labels": list(self.labels),
            "data_sha256": self.data_digest,
        }


def train(
    dataset: Dataset, options: TrainingOptions, *, folder: Path | None = None, resume: bool = False
) -> TrainingResult:
    """Train the reference CNN.

    Args:
        dataset: Images; the test part is used only after the training.
        options: Options of the training.
        folder: Folder for a checkpoint after each epoch; None writes none.
        resume: Whether to continue from the checkpoint in ``folder``.
    Raises:
        DataError: The examples are not images or are too small for the network, or there is no checkpoint to resume.
        UsageError: The checkpoint was written with other options or data.
        EdgekitError: The folder cannot be written or has too little space for the files of the training.
    """
    _require_images(dataset)
    checkpoint = folder / CHECKPOINT_NAME if folder else None
    if checkpoint:
        require_place(checkpoint)
    model = _compiled(dataset, options)
    state = TrainingState()
    if resume and checkpoint:
        state = load_checkpoint(checkpoint, options, dataset.digest)
        _restore(model, state)
    if not _finished(state, options):
        if checkpoint:
            require_room_for_training(model, checkpoint.parent)
        _fit(model, dataset, options, state, checkpoint)
    if state.best:
        model.set_weights(state.best)
    return _evaluated(model, dataset, options, state.history)


def _require_images(dataset: Dataset) -> None:
    shape = dataset.x_train.shape[1:]
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape[:2]) < _LEAST_SIZE:
        raise DataError(
            "The reference CNN learns from images.",
            expected=f"height and width of at least {_LEAST_SIZE}, 1 or 3 channels",
            received=" × ".join(map(str, shape)),
        )


def _compiled(dataset: Dataset, options: TrainingOptions) -> Any:
    import_quietly()
    import keras

    keras.utils.set_random_seed(options.seed)
    model = build(
        dataset.x_train.shape[1:], len(dataset.labels), dropout=options.dropout, batch_norm=options.batch_norm
    )
    model.compile(
        optimizer=keras.optimizers.Adam(options.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # XLA makes this network three times slower on a CPU.
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(model: Any, dataset: Dataset, options: TrainingOptions, state: TrainingState, checkpoint: Path | None) -> None:
    """Train the remaining epochs and keep ``state`` and the checkpoint up to date."""
    import keras

    x, y, watched = dataset.x_train, dataset.y_train, None
    if options.early_stopping:
        # Early stopping selects weights by the examples it monitors, so these must not be the test part.
        aside = hold_back(dataset.name, as_digests(row_hashes(x)), y, seed=options.seed)
        x, y, watched = x[~aside], y[~aside], (_prepared(x[aside]), y[aside])
    steps = -(-len(x) // options.batch_size)

    def begin(epoch: int, logs: object) -> None:
        _seed_dropout(model, options.seed, epoch)

    def end(epoch: int, logs: dict[str, float]) -> None:
        _remember(state, model, logs)
        if checkpoint:
            save_checkpoint(checkpoint, state, options, dataset.digest)
        model.stop_training = _finished(state, options)

    with progress_bar("Training", options.epochs * steps) as advance:
        advance(state.epochs_done * steps)
        # All epochs run in one call, because each call of fit costs as much as several batches.
        model.fit(
            batches(x, y, options, first_epoch=state.epochs_done),
            epochs=options.epochs,
            initial_epoch=state.epochs_done,
            steps_per_epoch=steps,
            shuffle=False,
            validation_data=watched,
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_epoch_begin=begin,
                    on_epoch_end=end,
                    on_train_batch_end=lambda batch, logs: advance(1),
                    # The bar may advance while the next batch is running.
                    async_safe=True,
                )
            ],
        )


def _remember(state: TrainingState, model: Any, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        state.history.setdefault(name, []).append(float(value))
    state.weights = model.get_weights()
    state.optimizer = [np.asarray(variable) for variable in model.optimizer.variables]
    losses = state.history.get("val_loss", [])
    if losses and losses[-1] == min(losses):
        state.best = state.weights


def _finished(state: TrainingState, options: TrainingOptions) -> bool:
    losses = state.history.get("val_loss", [])
    stalled = len(losses) > _PATIENCE and min(losses[-_PATIENCE:]) > min(losses)
    return stalled or state.epochs_done >= options.epochs


def _prepared(x: np.ndarray) -> np.ndarray:
    return to_model_input(x, (-1, *x.shape[1:]), "float32", DEFAULT_PIXEL_RANGE)


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    for number, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.random.SeedSequence([seed, epoch, number]).generate_state(2))


def _restore(model: Any, state: TrainingState) -> None:
    try:
        model.set_weights(state.weights)
        for variable, value in zip(model.optimizer.variables, state.optimizer, strict=True):
            variable.assign(value)
    except ValueError as error:
        raise DataError(
            "The checkpoint does not fit the network.",
            received=str(error)[:200],
            next_step="delete it and train from the start",
        ) from error


def _evaluated(
    model: Any, dataset: Dataset, options: TrainingOptions, history: dict[str, list[float]]
) -> TrainingResult:
    from sklearn.metrics import confusion_matrix

    answers = keras_predict(model, _prepared(dataset.x_test)).argmax(1)
    return TrainingResult(
        model=model,
        options=options,
        history=history,
        train_count=len(dataset.x_train),
        test_count=len(dataset.x_test),
        test_accuracy=float(np.mean(answers == dataset.y_test)),
        confusion=confusion_matrix(dataset.y_test, answers, labels=range(len(dataset.labels))),
        labels=dataset.labels,
        data_digest=dataset.digest,
    )
