"""Reads the arithmetic of Lambda layers without running it."""
