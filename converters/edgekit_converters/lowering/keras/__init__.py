"""Lowers a built Keras model to TFLite."""
