"""Turns images and recordings into the arrays that a model takes."""
