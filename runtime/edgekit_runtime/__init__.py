"""Inference for .tflite models on a small device."""

__version__ = "0.1.0"
