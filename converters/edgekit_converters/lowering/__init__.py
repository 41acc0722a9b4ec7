"""Keras model to float .tflite, in a child process."""
