"""edgekit: takes a Keras model to a small device and proves that it still works there."""

__version__ = "0.1.0"
