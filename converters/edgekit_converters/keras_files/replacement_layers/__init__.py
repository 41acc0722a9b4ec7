"""Layers that Keras 3 no longer has. Importing this package imports Keras, so only ``load`` does, to build a model."""

from edgekit_converters.keras_files.replacement_layers.channels_first import ChannelsFirst
from edgekit_converters.keras_files.replacement_layers.expression import Expression
from edgekit_converters.keras_files.replacement_layers.hard_sigmoid import hard_sigmoid_keras2
from edgekit_converters.keras_files.replacement_layers.keras1 import Highway, MaxoutDense, ParametricSoftplus, SReLU
from edgekit_converters.keras_files.replacement_layers.locally_connected import (
    LocallyConnected1D,
    LocallyConnected2D,
)
from edgekit_converters.keras_files.replacement_layers.pooling3d import Pooling3D
from edgekit_converters.keras_files.replacement_layers.take_mask import TakeMask

__all__ = [
    "ChannelsFirst",
    "Expression",
    "Highway",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxoutDense",
    "ParametricSoftplus",
    "Pooling3D",
    "SReLU",
    "TakeMask",
    "hard_sigmoid_keras2",
]
