"""Turns a detector's outputs into boxes in the pixels of the image; imported by the first ``Model.detect()``."""
