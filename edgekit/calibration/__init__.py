"""Chooses calibration data, examines it before use, and passes it to quantization."""
