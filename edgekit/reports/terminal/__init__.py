"""Prints results on the terminal as tables and sentences."""
