"""Converts a Keras file, SavedModel or PyTorch program to one or more packed .tflite files."""

from edgekit.conversion.convert import convert
from edgekit.conversion.options import ConversionOptions
from edgekit.conversion.result import Conversion, ConvertedModel

__all__ = ["Conversion", "ConversionOptions", "ConvertedModel", "convert"]
