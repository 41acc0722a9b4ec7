"""Converts models of Keras, TensorFlow and PyTorch to TFLite, as a library."""

__version__ = "0.1.0"
