"""Reads and checks a .tflite file before native code sees it."""
