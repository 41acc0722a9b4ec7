"""Explains why a model is slow: time and place of every operator, and what to do about the causes."""
