"""``edgekit train`` against a bare Keras ``fit`` of the same model and data.

``python benchmarks/train_epoch.py [DATA] [--json]``: without DATA 8,000 random images of MNIST's size are taken, since
time does not depend on what they show. Both sides build and compile the model, train it, and label the held-back
images; edgekit shuffles by its own rule, augments and counts besides.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from ratios import report, time_in_turn

from edgekit.datasets import load_dataset
from edgekit.datasets.dataset import Dataset
from edgekit.training.fit import train
from edgekit.training.options import TrainingOptions
from edgekit.training.reference_cnn import build
from edgekit_converters.quiet_tensorflow import import_quietly

EPOCHS = 4


def random_images() -> Dataset:
    """As many as MNIST's test file gives: 8,000 to train and 2,000 held back."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (10_000, 28, 28, 1), np.uint8), random.integers(0, 10, 10_000)
    return Dataset("random", x[:8000], y[:8000], x[8000:], y[8000:], tuple("0123456789"), digest="")


def bare(data: Dataset, options: TrainingOptions) -> Callable[[], None]:
    """What a plain script does."""

    def run() -> None:
        model = build(data.x_train.shape[1:], len(data.labels), dropout=options.dropout)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
        x_train, x_test = data.x_train.astype("float32") / 255, data.x_test.astype("float32") / 255
        model.fit(x_train, data.y_train, batch_size=options.batch_size, epochs=options.epochs, verbose=0)
        model.predict(x_test, verbose=0)

    return run


def ours(data: Dataset, options: TrainingOptions) -> Callable[[], None]:
    """What ``edgekit train`` calls."""
    return lambda: train(data, options) and None


def main() -> None:
    import_quietly()
    named = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    data = load_dataset(named) if named else random_images()
    rows = []
    for augment in (False, True):
        options = TrainingOptions(epochs=EPOCHS, augment=augment)
        what = f"`edgekit train`, {EPOCHS} epochs{' with augmentation' if augment else ''} / a bare Keras fit"
        rows.append(time_in_turn(what, ours(data, options), bare(data, options), target=1.05, runs=3))
    report(rows)


if __name__ == "__main__":
    main()
