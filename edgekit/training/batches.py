"""Makes the batches of each epoch; the seed and the epoch alone determine the order and the augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgekit.datasets.model_inputs import DEFAULT_PIXEL_RANGE, image_preprocessing
from edgekit.training.augmentation import random_transforms, transform
from edgekit.training.options import TrainingOptions


def batches(x: np.ndarray, y: np.ndarray, options: TrainingOptions, *, first_epoch: int) -> Any:
    """Shuffled and optionally augmented batches from ``first_epoch`` to the last epoch.

    A resumed training gets the same batches as an uninterrupted one.

    Args:
        x: Pixels, uint8 (N, H, W, C), or the float32 values that the model takes.
        y: Classes, int64 (N,).
        options: Options that contain epochs, batch size, seed and augmentation.
        first_epoch: Number of completed epochs.
    Returns:
        ``tf.data.Dataset`` of float32 (B, H, W, C) and int64 (B,); the last batch of an epoch may be smaller.
    """
    import tensorflow as tf

    examples, classes = tf.constant(x), tf.constant(y)
    preprocessing = image_preprocessing((-1, *x.shape[1:]), DEFAULT_PIXEL_RANGE)
    values = None if preprocessing is None or x.dtype != np.uint8 else tf.constant(preprocessing.values())

    def draws() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch in range(first_epoch, options.epochs):
            generator = np.random.default_rng([options.seed, epoch])
            yield generator.permutation(len(x)), random_transforms(len(x), x.shape[1], x.shape[2], generator)

    def batch(rows: Any, transforms: Any) -> tuple[Any, Any]:
        images = tf.gather(examples, rows)
        images = tf.cast(images, tf.float32) if values is None else tf.gather(values, tf.cast(images, tf.int32))
        return transform(images, transforms) if options.augment else images, tf.gather(classes, rows)

    signature = (tf.TensorSpec(len(x), tf.int64), tf.TensorSpec((len(x), 8), tf.float32))
    return (
        tf.data.Dataset.from_generator(draws, output_signature=signature)
        .flat_map(lambda *drawn: tf.data.Dataset.from_tensor_slices(drawn).batch(options.batch_size))
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
