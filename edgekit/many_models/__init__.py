"""Converts many models with one command: a folder, several files, or the models of a configuration."""
