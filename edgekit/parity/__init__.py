"""Predictions side by side, and what they say."""
