"""Builds the reference network, a small CNN for handwritten digits."""

from __future__ import annotations

from typing import Any


def build(input_shape: tuple[int, int, int], classes: int, *, dropout: float = 0.0, batch_norm: bool = False) -> Any:
    """Build the network with random weights.

    The network has three convolutions of 32, 64 and 64 filters, the first two followed by pooling, a dense layer of 64
    units, and a softmax. Dropout and batch normalization are inside the network, never after the softmax.

    Args:
        input_shape: Height, width and channels; at least 18 × 18 pixels.
        classes: Number of classes.
        dropout: Dropout rate of the dense layer's inputs and outputs, from 0 to below 1.
        batch_norm: Whether to apply batch normalization between each convolution and its activation.
    Returns:
        Uncompiled ``keras.Model``.
    """
    from keras import Sequential, layers

    def convolution(filters: int) -> list[Any]:
        if not batch_norm:
            return [layers.Conv2D(filters, 3, activation="relu")]
        # The normalization includes a shift, so the convolution needs no bias. With Keras's default momentum of 0.99,
        # the moving averages would need about 20 epochs of a small dataset to converge.
        normalize = layers.BatchNormalization(momentum=0.9)
        return [layers.Conv2D(filters, 3, use_bias=False), normalize, layers.ReLU()]

    def dropped() -> list[Any]:
        return [layers.Dropout(dropout)] if dropout else []

    return Sequential(
        [
            layers.Input(input_shape, name="image"),
            *convolution(32),
            layers.MaxPooling2D(),
            *convolution(64),
            layers.MaxPooling2D(),
            *convolution(64),
            layers.Flatten(),
            *dropped(),
            layers.Dense(64, activation="relu"),
            *dropped(),
            layers.Dense(classes, activation="softmax", name="scores"),
        ],
        name="reference_cnn",
    )


def build_for_digits() -> Any:
    """Build the network of ``--architecture reference-cnn``, for ten digits of 28 × 28 pixels."""
    return build((28, 28, 1), 10)
