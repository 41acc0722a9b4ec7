"""Runs a model: interpreters, sessions, batches."""
