"""Keeping a conversion within an accuracy budget: the metric, the examples it is judged on, the choice."""
