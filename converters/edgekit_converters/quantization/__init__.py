"""Recipes and calibration: turns a float .tflite into a smaller one."""
