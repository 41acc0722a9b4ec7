"""A .tflite for TFLite Micro: as C source, with an estimate of the memory that it needs."""
