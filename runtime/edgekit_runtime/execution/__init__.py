"""Runs models: interpreters, sessions, batches."""
