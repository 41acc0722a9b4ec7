"""Recipes and calibration: a float .tflite becomes a smaller one."""
