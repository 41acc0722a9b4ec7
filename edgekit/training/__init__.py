"""Defines the reference CNN and trains it."""
