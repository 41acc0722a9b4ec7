"""A .tflite for TFLite Micro: as C source, with the memory that it takes."""
