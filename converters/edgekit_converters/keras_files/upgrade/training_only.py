"""Drops what only matters in training: the weights are stored, and the model is not trained again."""

from __future__ import annotations

from edgekit_converters.keras_files.description import Description, is_model

_SUFFIXES = ("_initializer", "_regularizer", "_constraint")
# Keras 1's names of the same arguments.
_KERAS1_SUFFIXES = ("W_regularizer", "b_regularizer", "U_regularizer", "W_constraint", "b_constraint", "U_constraint")
_KERAS1_NAMES = frozenset({"init", "inner_init", "forget_bias_init", "consume_less", "dropout_W", "dropout_U"})


def drop_training_only(description: Description) -> bool:
    """Drop initializers, regularizers and constraints: objects of many forms that do not affect the outputs."""
    changed = False
    for _, layer in description.layers():
        config = layer["config"]
        if is_model(layer) or not isinstance(config, dict):
            continue
        for key in [k for k in config if k.endswith((*_SUFFIXES, *_KERAS1_SUFFIXES)) or k in _KERAS1_NAMES]:
            del config[key]
            changed = True
    return changed


def skip_initialization(description: Description) -> bool:
    """Initialize the weights with zeros: they are set from the file, and drawing random ones takes time."""
    for _, layer in description.layers():
        for key in _DRAWN.get(layer["class_name"], ()):
            layer["config"][key] = "zeros"
    return False


_DRAWN = {
    **dict.fromkeys(
        ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "EinsumDense"),
        ("kernel_initializer",),
    ),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D"), ("kernel_initializer", "recurrent_initializer")),
    "Embedding": ("embeddings_initializer",),
    "MultiHeadAttention": ("kernel_initializer",),
}
