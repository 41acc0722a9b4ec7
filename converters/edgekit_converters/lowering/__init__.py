"""Lowers a model to a float .tflite in a child process."""

from edgekit_converters.lowering.process import LoweredModel, LoweringProcess, LoweringRequest, ModelInput, lower

__all__ = ["LoweredModel", "LoweringProcess", "LoweringRequest", "ModelInput", "lower"]
