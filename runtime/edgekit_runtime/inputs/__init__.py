"""Converts images and recordings to the arrays that a model takes as inputs."""
