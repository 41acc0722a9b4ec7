"""Keras model to TFLite, as a library."""

__version__ = "0.1.0"
