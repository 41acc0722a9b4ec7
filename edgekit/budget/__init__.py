"""Finds a model within an accuracy budget: the metric, the examples for the judgement, and the selection."""
