"""The reference network: a small CNN for handwritten digits."""

from __future__ import annotations

from typing import Any


def build(input_shape: tuple[int, int, int], classes: int, *, dropout: float = 0.0, batch_norm: bool = False) -> Any:
    """Build the network with fresh weights.

    Three convolutions of 32, 64 and 64 filters, the first two followed by pooling, then a dense layer of 64 and a
    softmax. Dropout and batch normalization stand inside, never after the softmax.

    Args:
        input_shape: Height, width, channels; at least 18 × 18 pixels.
        classes: Number of outputs.
        dropout: Share of the dense layer's inputs and outputs dropped in training, 0 to below 1.
        batch_norm: Whether to normalize between each convolution and its activation.
    Returns:
        A ``keras.Model``, not compiled.
    """
    from keras import Sequential, layers

    def convolution(filters: int) -> list[Any]:
        if not batch_norm:
            return [layers.Conv2D(filters, 3, activation="relu")]
        # The normalization has a shift of its own, so that the convolution needs no bias. Keras's own momentum of
        # 0.99 would need some 20 epochs of a small data set before its averages are near the truth.
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
    """Build the network for ten digits of 28 × 28 pixels: the network of ``--architecture reference-cnn``."""
    return build((28, 28, 1), 10)
