"""Inference for .tflite models on a small device.

import edgekit_runtime

model = edgekit_runtime.load("model.tflite")
answer = model.classify("digit.png")[0]
print(answer.label, answer.score)
"""

from edgekit_runtime.classification import Classification
from edgekit_runtime.model import Model, load
from edgekit_runtime.preprocessing import Preprocessing
from edgekit_runtime.structure import read_model_description

__version__ = "0.1.0"

__all__ = ["Classification", "Model", "Preprocessing", "load", "read_model_description"]
