"""Repairs a float .tflite so that int8 and int4 lose less: its constants change, its predictions do not."""
